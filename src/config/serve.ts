/** What `gru-lm serve` takes. */
import type { OptionTable, OptionValues } from '../option-table.ts';
import { jsonOption, machineOptions } from './shared.ts';

const ADDRESS = 'Address:';
const LIMITS = 'Limits:';

export const serveOptions = {
  host: {
    flag: 'host',
    type: 'text',
    placeholder: 'ADDRESS',
    default: '127.0.0.1',
    help: 'where to listen; with anything but this machine’s own loopback, others can connect',
    group: ADDRESS,
  },
  port: {
    flag: 'port',
    type: 'integer',
    min: 0,
    max: 65535,
    default: 8080,
    help: 'the port to listen at; 0: any that is free',
    group: ADDRESS,
  },
  apiKey: {
    flag: 'api-key',
    type: 'text',
    placeholder: 'KEY',
    help: 'what requests must bring as “Authorization: Bearer KEY” (default: GRU_LM_API_KEY, or nothing)',
    group: ADDRESS,
  },
  allowHost: {
    flag: 'allow-host',
    type: 'texts',
    oneAFlag: true,
    placeholder: 'NAME',
    help: 'another name by which the server may be called; may be given several times',
    group: ADDRESS,
  },
  allowOrigin: {
    flag: 'allow-origin',
    type: 'texts',
    oneAFlag: true,
    placeholder: 'ORIGIN',
    help: 'a web site whose pages may use it, such as https://example.org; may be given several times',
    group: ADDRESS,
  },
  maxTokens: {
    flag: 'max-tokens',
    type: 'integer',
    min: 1,
    max: 1_000_000,
    default: 4096,
    help: 'the most tokens that a request may ask for, of each text',
    group: LIMITS,
  },
  maxPrompt: {
    flag: 'max-prompt',
    type: 'integer',
    min: 1,
    max: 1_000_000,
    default: 16_384,
    help: 'the most tokens of a prompt',
    group: LIMITS,
  },
  maxRequests: {
    flag: 'max-requests',
    type: 'integer',
    min: 1,
    max: 256,
    default: 16,
    help: 'requests that are answered at a time, side by side',
    group: LIMITS,
  },
  maxWaiting: {
    flag: 'max-waiting',
    type: 'integer',
    min: 0,
    max: 10_000,
    default: 64,
    help: 'requests that may wait for that; more are refused',
    group: LIMITS,
  },
  ...machineOptions,
  ...jsonOption,
} as const satisfies OptionTable;

export type ServeOptions = OptionValues<typeof serveOptions>;
