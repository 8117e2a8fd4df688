/** Fields for the options that the server takes, made from what it says of them. */

/** @import { Option } from './api.js' */

/** What help says of a list beyond that of the command line, where each has a flag of its own. */
const MORE_HELP = {
  stop: 'End before any of these texts, one a line; \\n is a line end',
  logitBias: 'Add nats to the score of a token, as in the=-1.5; one a line',
  ban: 'Never choose these tokens, one a line',
};

/** @type {{ option: Option, field: HTMLInputElement | HTMLTextAreaElement }[]} */
let fields = [];

/** @param {string} text */
function capitalised(text) {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** @param {Option} option */
function fieldOf(option) {
  if (option.type === 'texts') {
    const area = document.createElement('textarea');
    area.rows = 1;
    area.spellcheck = false;
    return area;
  }
  const input = document.createElement('input');
  if (option.type === 'switch') {
    input.type = 'checkbox';
    return input;
  }
  input.type = 'number';
  input.step = option.type === 'integer' ? '1' : 'any';
  // What it must be above is no value that it may have: the server says so.
  input.min = String(option.min ?? option.above ?? '');
  input.max = String(option.max ?? '');
  return input;
}

/** @param {{ option: Option, field: HTMLInputElement | HTMLTextAreaElement }} made */
function setDefault({ option, field }) {
  if (field instanceof HTMLInputElement) field.checked = false;
  field.value = option.default === undefined ? '' : String(option.default);
}

/** @param {Option} option */
function controlFor(option) {
  const field = fieldOf(option);
  const [control, label, help] = ['div', 'label', 'span'].map((name) =>
    document.createElement(name),
  );
  if (!control || !(label instanceof HTMLLabelElement) || !help) throw new Error('no elements');
  field.id = `option-${option.name}`;
  help.id = `help-${option.name}`;
  label.htmlFor = field.id;
  field.setAttribute('aria-describedby', help.id);
  label.textContent = capitalised(option.flag.replaceAll('-', ' '));
  help.textContent =
    /** @type {Record<string, string>} */ (MORE_HELP)[option.name] ?? capitalised(option.help);
  help.className = 'help';
  control.className = option.type === 'switch' ? 'control switch' : 'control';
  control.append(...(option.type === 'switch' ? [field, label] : [label, field]), help);
  const made = { option, field };
  setDefault(made);
  fields.push(made);
  return control;
}

/**
 * @param {HTMLElement} place
 * @param {Option[]} options
 */
export function showControls(place, options) {
  fields = [];
  place.replaceChildren(...options.map(controlFor));
}

export function resetControls() {
  for (const made of fields) setDefault(made);
}

/** Line ends and tabs as they are typed where a line end begins another text. */
function unescaped(/** @type {string} */ text) {
  return text.replace(/\\([nt\\])/g, (_, letter) =>
    letter === 'n' ? '\n' : letter === 't' ? '\t' : '\\',
  );
}

/** What is asked for, as the server takes it. */
export function readControls() {
  /** @type {Record<string, unknown>} */
  const values = {};
  for (const { option, field } of fields) {
    const { name, type } = option;
    if (type === 'switch') values[name] = /** @type {HTMLInputElement} */ (field).checked;
    else if (type === 'texts') {
      const lines = field.value.split('\n').filter((line) => line !== '');
      // Tokens have names, in which the server knows \n by itself.
      if (lines.length > 0) values[name] = name === 'stop' ? lines.map(unescaped) : lines;
    } else if (field.value !== '') values[name] = Number(field.value);
  }
  return values;
}
