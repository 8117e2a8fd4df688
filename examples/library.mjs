// Trains a small model, measures it, and makes a text with it: node library.mjs corpus.txt
import { evaluate, sample, sampleStream, train, UserError } from 'gru-lm';

const corpus = process.argv[2] ?? 'corpus.txt';
const out = 'checkpoints/example';
// Ctrl-C is the program's to answer: here it makes the run save and end.
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

try {
  const options = { preset: 'tiny', maxSteps: 60, out, overwrite: true, signal: stop.signal };
  for await (const event of train(corpus, options)) {
    if (event.event === 'start') {
      console.log(`${event.parameters} parameters on ${event.backend}`);
    } else if (event.event === 'step' && event.step % 20 === 0) {
      console.log(`step ${event.step}: loss ${event.loss.toFixed(3)}`);
    } else if (event.event === 'end') {
      console.log(`best: ${event.bestNatsPerToken.toFixed(3)} nats a token`);
    }
  }
  const { perplexity } = await evaluate(out);
  console.log(`perplexity ${perplexity?.toFixed(2)}`);
  for await (const { text, seed } of sample(out, { length: 40, samples: 2, seed: 1 })) {
    console.log(`seed ${seed}: ${JSON.stringify(text)}`);
  }
  // The same text as the first, as it comes.
  for await (const event of sampleStream(out, { length: 40, seed: 1, signal: stop.signal })) {
    if (event.event === 'piece') process.stdout.write(event.text);
    if (event.event === 'end') console.log(`\n${event.tokens} tokens`);
  }
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(`${error.message}\n${error.hint ?? ''}`);
  process.exitCode = 1;
}
