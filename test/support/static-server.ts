/** Serves files as any web server does. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** A server of what is in `directory`, on this machine alone; `address` ends in a slash. */
export async function serveFiles(directory: string): Promise<{ server: Server; address: string }> {
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url ?? '', 'http://server').pathname);
    try {
      const bytes = await readFile(
        join(directory, path.endsWith('/') ? `${path}index.html` : path),
      );
      const type = TYPES[extname(path) || '.html'] ?? 'application/octet-stream';
      response.writeHead(200, { 'content-type': type }).end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { server, address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}
