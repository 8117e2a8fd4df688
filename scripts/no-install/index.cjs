// tfjs-node-gpu is here for its JavaScript and C++ sources alone. Its install script would fetch a
// library that nothing uses, from a place that no longer serves it; npm 10 runs that script.
process.exit(0);
