/** A vocabulary as a file: what each id stands for. */
import { readShortFile } from '../checkpoint/checked-file.ts';
import { decodeJson, isJsonObject, type JsonValue } from '../checkpoint/json.ts';
import { parseTokenizerFile, type Tokenizer } from '../data/tokenizer.ts';
import { quoted, showValue } from '../errors.ts';
import { unfit } from './imported-model.ts';

/** What the largest vocabularies need is a fifth of it. */
const LONGEST = 1 << 26;
const HINT =
  'Give a JSON array of tokens in the order of their ids, a JSON object from token to id, a file with a token a ' +
  'line, or a tokenizer.json.';

/** The tokens in the order of their ids, or a tokenizer that knows them. */
export type TokenList = { readonly tokens: readonly string[] } | { readonly tokenizer: Tokenizer };

/** @throws UserError `import-file`, `tokenizer-file`, or of the code `checkpoint-…` for what cannot be read */
export async function readTokenList(path: string): Promise<TokenList> {
  const bytes = await readShortFile(path, LONGEST);
  const begins = new TextDecoder().decode(bytes.subarray(0, 64)).trimStart();
  // A list of lines may begin with a token that looks like JSON, such as [UNK].
  const isJson = begins.startsWith('{') || /^\[\s*(?:"|$|\])/.test(begins);
  if (!isJson) return { tokens: linesOf(bytes, path) };
  const json = decodeJson(bytes, path, { keysAreTokens: true });
  if (Array.isArray(json)) return { tokens: asStrings(json, path) };
  const record = json as Readonly<Record<string, JsonValue>>;
  if (isTokenizer(record)) return { tokenizer: parseTokenizerFile(bytes, path) };
  // As torchtext's vocabularies keep it.
  if (Array.isArray(record.itos)) return { tokens: asStrings(record.itos, path) };
  return { tokens: byId(record, path) };
}

/** Whether an object is a tokenizer.json, and not a vocabulary in which these are tokens. */
function isTokenizer({ format, model }: Readonly<Record<string, JsonValue>>): boolean {
  return typeof format === 'string' || isJsonObject(model);
}

function linesOf(bytes: Uint8Array, path: string): string[] {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw unfit(path, 'a vocabulary in UTF-8', 'bytes that are none', HINT);
  }
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

function asStrings(values: readonly JsonValue[], path: string): string[] {
  const at = values.findIndex((value) => typeof value !== 'string');
  if (at < 0) return values as string[];
  throw unfit(path, `the token ${at} to be a text`, showValue(values[at]), HINT);
}

function byId(record: Readonly<Record<string, JsonValue>>, path: string): string[] {
  const entries = Object.entries(record);
  const tokens = new Array<string | undefined>(entries.length);
  for (const [token, id] of entries) {
    const isId = Number.isSafeInteger(id) && (id as number) >= 0 && (id as number) < entries.length;
    if (!isId || tokens[id as number] !== undefined) {
      const expected = `the ids of ${entries.length} tokens to be 0 to ${entries.length - 1}, each once`;
      throw unfit(path, expected, `${showValue(id)} for ${quoted(token)}`, HINT);
    }
    tokens[id as number] = token;
  }
  return tokens as string[];
}
