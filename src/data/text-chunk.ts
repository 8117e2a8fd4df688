/** How text goes from files to tokenizers: as bytes, a piece at a time. */

/** A piece of text, to be used before the next one is asked for: its bytes may be overwritten then. */
export interface TextChunk {
  /** UTF-8 cut between characters (or, of a text read as raw bytes, any bytes); not empty. */
  readonly bytes: Uint8Array;
  /** Whether a document begins with these bytes. The first chunk of every text begins one. */
  readonly startsDocument: boolean;
}

/** A text in pieces, from its beginning. */
export type TextChunks = AsyncIterable<TextChunk>;
