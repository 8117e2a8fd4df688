import { runInNewContext } from 'node:vm';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { errorMessage, UserError } from '../../errors.ts';
import { locate } from '../code-points.ts';
import { encodeText } from '../text-pieces.ts';
import type {
  TokenDecoder,
  TokenEncoder,
  Tokenizer,
  TokenizerJson,
  UnknownPiece,
} from '../tokenizer-types.ts';
import { assertId, showToken } from '../vocabulary.ts';
import { BlockEncoder } from './block-encoder.ts';
import { isRecord, type TokenizerFile } from './hugging-face-json.ts';
import { findEndOfText } from './special-tokens.ts';
import { WindowDecoder } from './window-decoder.ts';

/** What a text is cut into, in bytes: where words are divided before the model, and where not. */
const WORDS_BLOCK = 1 << 20;
const WHOLE_BLOCK = 1 << 16;

/** A text for what the library only finds out when it encodes and decodes. */
const PROBE = "A 1st text: isn't it?\n人 😀";
/** It takes a thousandth of this. */
const LONGEST_PROBE_MS = 5000;

/**
 * A tokenizer that another program made, run by Hugging Face's JavaScript library.
 *
 * A document goes to it as a whole if it has at most 1 MiB, or 64 KiB where the model is given whole
 * lines or more at once; a longer one is cut at the last line end or white space within as much, and
 * each part is encoded as a text of its own. No special tokens are added, and a text that spells one
 * is encoded as any other text. Special tokens but that for the unknown decode to nothing. Lowercase,
 * normal forms and the like are the file's own, so that decoding may not give the very text back.
 */
export class FileTokenizer implements Tokenizer {
  readonly kind = 'file';
  readonly vocabularySize: number;
  readonly unknownId: number | undefined;
  readonly endOfTextId: number | undefined;
  readonly lowercase: boolean;
  private readonly file: TokenizerFile;
  /** By id; there may be gaps. */
  private readonly tokens: ReadonlyMap<number, string>;
  /** Ids that decode to nothing. */
  private readonly silent: ReadonlySet<number>;
  /** It knows no special tokens, so that it finds none in a text. */
  private readonly encoding: HuggingFaceTokenizer;
  private readonly decoding: HuggingFaceTokenizer;

  /** Throws a UserError (`tokenizer-file`) naming `name` if the library cannot do with the file. */
  constructor(file: TokenizerFile, name: string) {
    this.file = file;
    this.vocabularySize = file.vocabularySize;
    this.unknownId = file.unknownId;
    const specials = file.addedTokens.filter((token) => token.special);
    this.endOfTextId = findEndOfText(new Map(specials.map(({ id, content }) => [id, content])));
    this.tokens = new Map([
      ...Array.from(file.vocabulary, ([token, id]) => [id, token] as const),
      ...file.addedTokens.map(({ id, content }) => [id, content] as const),
    ]);
    this.silent = new Set(specials.map(({ id }) => id).filter((id) => id !== file.unknownId));
    try {
      this.lowercase = lowercases(file.json.normalizer);
      assertPatterns([file.json.normalizer, file.json.pre_tokenizer, file.json.decoder]);
      this.encoding = openTokenizer(file, (token) => !token.special);
      this.decoding = openTokenizer(file, () => true);
      withinTime(() => this.decode(this.encode(PROBE)));
    } catch (error) {
      throw new UserError(
        'tokenizer-file',
        `${name}: expected a tokenizer that @huggingface/tokenizers can run: ${errorMessage(error)}`,
        'Give another tokenizer.json, or let gru-lm learn a tokenizer (--tokenizer bpe).',
      );
    }
  }

  encoder(): TokenEncoder {
    const blockBytes = dividesWords(this.file) ? WORDS_BLOCK : WHOLE_BLOCK;
    return new BlockEncoder(blockBytes, (text) => this.encodeBlock(text));
  }

  encode(text: string): Int32Array {
    return encodeText(this.encoder(), text);
  }

  decoder(): TokenDecoder {
    const decoder = new WindowDecoder((ids) => this.decode(ids));
    return {
      push: (id) => {
        assertId(id, this.vocabularySize);
        return this.isSilent(id) ? '' : decoder.push(id);
      },
      end: () => decoder.end(),
    };
  }

  decode(ids: ArrayLike<number>): string {
    const shown = Array.from(ids).filter((id) => {
      assertId(id, this.vocabularySize);
      return !this.isSilent(id);
    });
    if (shown.length === 0) {
      return '';
    }
    return this.decoding.decode(shown);
  }

  decodeBytes(ids: ArrayLike<number>): Uint8Array {
    return Buffer.from(this.decode(ids));
  }

  token(id: number): string {
    assertId(id, this.vocabularySize);
    return showToken(this.tokens.get(id) ?? '');
  }

  /** The first word, between white space, that has something unknown. */
  findUnknown(text: string): UnknownPiece | undefined {
    if (this.unknownId === undefined || !this.encode(text).includes(this.unknownId)) {
      return undefined;
    }
    for (const { 0: piece, index } of text.matchAll(/\S+/g)) {
      if (this.encode(piece).includes(this.unknownId)) {
        return { piece, ...locate(text, index) };
      }
    }
    return { piece: text, ...locate(text, 0) };
  }

  toJSON(): TokenizerJson {
    return this.file.json;
  }

  private isSilent(id: number): boolean {
    return this.silent.has(id) || !this.tokens.has(id);
  }

  private encodeBlock(text: string): readonly number[] {
    try {
      return this.encoding.encode(text, { add_special_tokens: false }).ids;
    } catch (error) {
      // The library passes tokens of a word as arguments; there may be more than the stack has room for.
      if (!(error instanceof RangeError) || text.length < 2) {
        throw error;
      }
      let half = text.length >> 1;
      half += /[\udc00-\udfff]/.test(text[half]!) ? 1 : 0;
      return [...this.encodeBlock(text.slice(0, half)), ...this.encodeBlock(text.slice(half))];
    }
  }
}

/** Does `work`, or throws an Error if it takes too long: a pattern may try more ways than can be tried. */
function withinTime(work: () => unknown): void {
  try {
    runInNewContext('work()', { work }, { timeout: LONGEST_PROBE_MS });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new Error(`two lines of text take it more than ${LONGEST_PROBE_MS / 1000} seconds`);
  }
}

/** The library with the added tokens that `isKnown`. */
function openTokenizer(
  { json, type, model, merges, addedTokens }: TokenizerFile,
  isKnown: (token: TokenizerFile['addedTokens'][number]) => boolean,
): HuggingFaceTokenizer {
  const known = new Set(addedTokens.filter(isKnown).map((token) => token.id));
  const added = Array.isArray(json.added_tokens) ? json.added_tokens : [];
  return new HuggingFaceTokenizer(
    {
      normalizer: json.normalizer ?? null,
      pre_tokenizer: json.pre_tokenizer ?? null,
      // It would only add special tokens.
      post_processor: null,
      decoder: json.decoder ?? null,
      added_tokens: added.filter((token) => isRecord(token) && known.has(token.id as number)),
      model: { ...model, type, ...(type === 'BPE' ? { merges } : {}) },
    },
    { clean_up_tokenization_spaces: false, unk_token: model.unk_token },
  );
}

/** The library leaves out a step whose pattern it does not know, and says so on the console. */
function assertPatterns(steps: unknown): void {
  for (const [field, value] of Object.entries(steps ?? {})) {
    if (field === 'pattern') {
      const { Regex: regex, String: string } = isRecord(value) ? value : {};
      if (typeof (regex ?? string) !== 'string') {
        throw new Error('a pattern is neither String nor Regex');
      }
    } else if (typeof value === 'object') {
      assertPatterns(value);
    }
  }
}

/** Whether a normaliser, or one of a sequence of them, puts text into lowercase. */
function lowercases(normalizer: unknown): boolean {
  if (!isRecord(normalizer)) return false;
  const { type, lowercase, normalizers } = normalizer;
  if (type === 'Lowercase' || (type === 'BertNormalizer' && lowercase === true)) return true;
  return Array.isArray(normalizers) && normalizers.some(lowercases);
}

/** Whether the model is given words, and not whatever comes without a break. */
function dividesWords({ json, type }: TokenizerFile): boolean {
  const { pre_tokenizer: preTokenizer } = json;
  const isDivided = isRecord(preTokenizer) && preTokenizer.type !== 'Metaspace';
  return isDivided && type !== 'Unigram';
}
