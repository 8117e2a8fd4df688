/**
 * What tokenizers share.
 *
 * Part of gru-lm, under the Apache License 2.0.
 */

/**
 * A lone surrogate, which UTF-8 lacks, as U+FFFD. @param {string} text
 */
function wellFormed(text) {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}

/**
 * Text as a tokenizer reads it. The final sigma, which depends on what follows, becomes σ as every other one.
 *
 * @param {string} text
 * @param {boolean} lowercase
 */
export function normalised(text, lowercase) {
  const whole = wellFormed(text);
  return lowercase ? whole.replaceAll('Σ', 'σ').toLowerCase() : whole;
}

/** The bytes of a character in UTF-8. @param {string} character */
export function utf8Length(character) {
  const code = /** @type {number} */ (character.codePointAt(0));
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  return code < 0x10000 ? 3 : 4;
}

/**
 * A decoder of tokens that are bytes.
 *
 * @param {(id: number) => Uint8Array | undefined} bytesOf undefined: a token that ends what comes before it
 * @returns {import('./tokenizers.js').Decoder}
 */
export function bytesDecoder(bytesOf) {
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  const push = (/** @type {number} */ id) => {
    const bytes = bytesOf(id);
    return bytes ? utf8.decode(bytes, { stream: true }) : utf8.decode();
  };
  return { push, end: () => utf8.decode() };
}
