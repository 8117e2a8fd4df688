import { describe, expect, it } from 'vitest';
import { parseRequest, requestHelp } from './interactive-commands.ts';

describe('a line', () => {
  it.each([
    ['', { type: 'text', text: '' }],
    [' :help', { type: 'text', text: ' :help' }],
    ['::) yes', { type: 'text', text: ':) yes' }],
    [':help', { type: 'help' }],
    [':reset ', { type: 'reset' }],
    [':quit', { type: 'quit' }],
    [':seed 7', { type: 'seed', value: 7 }],
    [':temperature  0.5', { type: 'temperature', value: 0.5 }],
    [':length 20', { type: 'length', value: 20 }],
    [':save a file.txt', { type: 'save', path: 'a file.txt' }],
    [':save-state s.json', { type: 'save-state', path: 's.json' }],
  ])('%j is what it says', (line, request) => {
    expect(parseRequest(line)).toEqual(request);
  });

  it.each([
    [':seed -1', ':seed: expected a whole number at least 0, found -1'],
    [':seed', ':seed: expected a whole number at least 0, found nothing'],
    [':temperature 0', ':temperature: expected a number above 0, found 0'],
    [':length many', ':length: expected a whole number at least 1, found many'],
    [':save', ':save: expected a file, found nothing'],
    [':reset now', ':reset: expected nothing after it, found "now"'],
    [':hepl', 'expected a command, found ":hepl"'],
    [':toString', 'expected a command, found ":toString"'],
    [':', 'expected a command, found ":"'],
  ])('%j is refused', (line, message) => {
    expect(() => parseRequest(line)).toThrow(message);
  });

  it('has a help that fits on a terminal', () => {
    for (const line of requestHelp()) expect(line.length).toBeLessThan(80);
  });
});
