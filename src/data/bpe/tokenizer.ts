import { decodeIds, encodeText } from '../text-pieces.ts';
import type { TokenDecoder, TokenEncoder, Tokenizer, TokenizerJson } from '../tokenizer-types.ts';
import { findInvalidUtf8 } from '../utf8.ts';
import { assertId, showByte, showToken } from '../vocabulary.ts';
import { writeBytes } from './byte-level.ts';
import { BpeEncoder } from './encoder.ts';
import type { Merge } from './learn-merges.ts';
import { Merger } from './merger.ts';
import { findEndOfText } from './special-tokens.ts';

/** What makes a byte-level BPE tokenizer. */
export interface BpeModel {
  /** By id; of a special token, the bytes of its name. Every byte is a token. */
  readonly tokens: readonly Uint8Array[];
  /** In the order of learning; of a pair that is merged twice, the later time counts. */
  readonly merges: readonly Merge[];
  /** By id. They stand for no text, and no text becomes one. */
  readonly specialTokens: ReadonlyMap<number, string>;
  readonly lowercase: boolean;
}

/**
 * Byte-level byte-pair encoding: text of any kind, nothing unknown, and back to the same bytes (in
 * lowercase, if the tokenizer does so). Its JSON is a tokenizer.json of Hugging Face.
 *
 * A text that spells a special token, such as `<|endoftext|>`, is encoded as any other text: with the
 * ids that Hugging Face gives it where `encode_special_tokens` is on. Special tokens decode to nothing,
 * and end a character that is not whole.
 */
export class BpeTokenizer implements Tokenizer {
  readonly kind = 'bpe';
  readonly vocabularySize: number;
  readonly unknownId = undefined;
  readonly endOfTextId: number | undefined;
  readonly lowercase: boolean;
  private readonly model: BpeModel;
  private merger: Merger | undefined;

  constructor(model: BpeModel) {
    this.model = model;
    this.vocabularySize = model.tokens.length;
    this.endOfTextId = findEndOfText(model.specialTokens);
    this.lowercase = model.lowercase;
  }

  encoder(): TokenEncoder {
    this.merger ??= new Merger(this.idOfByte(), distinct(this.model.merges));
    return new BpeEncoder(this.merger, this.model.lowercase);
  }

  encode(text: string): Int32Array {
    return encodeText(this.encoder(), text);
  }

  decoder(): TokenDecoder {
    // Bytes that can be no character become U+FFFD, and a byte-order mark is a character as others.
    const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
    return {
      push: (id) => {
        const bytes = this.bytesOf(id);
        return bytes.length === 0 ? utf8.decode() : utf8.decode(bytes, { stream: true });
      },
      end: () => utf8.decode(),
    };
  }

  decode(ids: ArrayLike<number>): string {
    return decodeIds(this.decoder(), ids);
  }

  decodeBytes(ids: ArrayLike<number>): Uint8Array {
    return Buffer.concat(Array.from(ids, (id) => this.bytesOf(id)));
  }

  token(id: number): string {
    const special = this.model.specialTokens.get(id);
    return special === undefined ? showBytes(this.bytesOf(id)) : showToken(special);
  }

  findUnknown(): undefined {
    return undefined;
  }

  toJSON(): TokenizerJson {
    const { tokens, merges, specialTokens, lowercase } = this.model;
    const written = tokens.map((bytes, id) => specialTokens.get(id) ?? writeBytes(bytes));
    const byteLevel = {
      type: 'ByteLevel',
      add_prefix_space: false,
      trim_offsets: true,
      use_regex: true,
    };
    return {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: Array.from(specialTokens, ([id, content]) => ({
        id,
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      })),
      normalizer: lowercase ? { type: 'Lowercase' } : null,
      pre_tokenizer: byteLevel,
      post_processor: null,
      decoder: byteLevel,
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab: Object.fromEntries(written.map((token, id) => [token, id])),
        merges: distinct(merges).map(({ left, right }) => [written[left]!, written[right]!]),
      },
    };
  }

  private bytesOf(id: number): Uint8Array {
    assertId(id, this.vocabularySize);
    return this.model.specialTokens.has(id) ? NO_BYTES : this.model.tokens[id]!;
  }

  private idOfByte(): Int32Array {
    const ids = new Int32Array(256);
    for (const [id, bytes] of this.model.tokens.entries()) {
      if (bytes.length === 1 && !this.model.specialTokens.has(id)) {
        ids[bytes[0]!] = id;
      }
    }
    return ids;
  }
}

const NO_BYTES = new Uint8Array();

/** Each pair once, where it is last. */
function distinct(merges: readonly Merge[]): readonly Merge[] {
  const places = new Map(merges.map(({ left, right }, i) => [`${left} ${right}`, i]));
  return places.size === merges.length
    ? merges
    : [...places.values()].sort((a, b) => a - b).map((i) => merges[i]!);
}

/** Text as it is shown; bytes that are no whole characters in hexadecimal digits. */
function showBytes(bytes: Uint8Array): string {
  if (findInvalidUtf8(bytes) === bytes.length) {
    return showToken(Buffer.from(bytes).toString());
  }
  return Array.from(bytes, showByte).join('');
}
