import { latin1 } from '../http/latin1.ts';
import type { ReportedUsage } from './request-record.ts';

/** How the body of an answer is made up of events. */
export type AnswerForm = 'sse' | 'json-lines' | 'json' | 'other';

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
// Quotes within a string of JSON stand behind a backslash, so none of these can match within generated text.
const contentForm =
  /"(?:content|text|delta|reasoning_content|reasoning|thinking|response|partial_json|arguments)"\s*:\s*"(?!")/;
const typeForm = /"type"\s*:\s*"([a-z_.]+)"/;
const modelForm = /"model"\s*:\s*"([^"\\]{1,256})"/;
const usageForm =
  /"(prompt_tokens|input_tokens|prompt_eval_count|completion_tokens|output_tokens|eval_count|cached_tokens|cache_read_input_tokens)"\s*:\s*(\d+)/g;
const usageMark = /"usage"\s*:\s*\{|"eval_count"\s*:/;
const errorForm = /^\s*\{\s*"(?:error"|type"\s*:\s*"error")/;

const usageFields: Readonly<Record<string, keyof ReportedUsage>> = {
  prompt_tokens: 'inputTokens',
  input_tokens: 'inputTokens',
  prompt_eval_count: 'inputTokens',
  completion_tokens: 'outputTokens',
  output_tokens: 'outputTokens',
  eval_count: 'outputTokens',
  cached_tokens: 'cachedTokens',
  cache_read_input_tokens: 'cachedTokens',
};

/** The form of an answer by its content type. */
export function answerFormOf(contentType: string): AnswerForm {
  if (contentType.startsWith('text/event-stream')) return 'sse';
  if (/^application\/(x-)?(ndjson|jsonl|json-lines)/.test(contentType)) return 'json-lines';
  if (contentType.startsWith('application/json')) return 'json';
  return 'other';
}

/**
 * Counts the events of an answer as its bytes pass, those with generated content among them, and notes usage as the
 * server reports it. How the bytes are cut into pieces does not matter. Keeps at most `eventBytesMax` of one event.
 */
export class AnswerScanner {
  events = 0;
  contentChunks = 0;
  model: string | undefined;
  usage: ReportedUsage = {};
  hasError = false;
  /** Bytes were passed over: events within them are not counted. */
  isPartial = false;
  readonly form: AnswerForm;
  readonly #eventBytesMax: number;
  #line = '';
  #event = '';
  #hasData = false;

  constructor(form: AnswerForm, eventBytesMax: number) {
    this.form = form;
    this.#eventBytesMax = eventBytesMax;
  }

  /** Whether the answer comes in events, one after another. */
  get isOfEvents(): boolean {
    return this.form === 'sse' || this.form === 'json-lines';
  }

  feed(bytes: Uint8Array): void {
    if (this.form === 'other') return;
    if (this.form === 'json') {
      this.#keepDocument(latin1(bytes, 0, bytes.length));
      return;
    }
    let from = 0;
    for (let end = bytes.indexOf(lineFeed); end >= 0; end = bytes.indexOf(lineFeed, from)) {
      this.#append(latin1(bytes, from, end));
      this.#endLine();
      from = end + 1;
    }
    this.#append(latin1(bytes, from, bytes.length));
  }

  /** Bytes passed that were not seen. */
  skip(): void {
    this.isPartial = true;
    if (this.isOfEvents) this.#line = '';
  }

  /** The answer has ended. */
  finish(): void {
    if (this.form === 'json') {
      if (this.#event === '') return;
      this.events = 1;
      this.#look(this.#event);
    } else if (this.form === 'json-lines' && this.#line !== '') this.#endLine();
  }

  #append(text: string): void {
    const room = this.#eventBytesMax - this.#line.length;
    if (room > 0) this.#line += text.length > room ? text.slice(0, room) : text;
  }

  /** Of a document the beginning and the end are kept: the model stands at one, usage at the other. */
  #keepDocument(text: string): void {
    const whole = this.#event + text;
    const half = this.#eventBytesMax;
    this.#event =
      whole.length <= 2 * half
        ? whole
        : `${whole.slice(0, half)}${whole.slice(whole.length - half)}`;
  }

  #endLine(): void {
    const line =
      this.#line.charCodeAt(this.#line.length - 1) === carriageReturn
        ? this.#line.slice(0, -1)
        : this.#line;
    this.#line = '';
    if (this.form === 'json-lines') {
      if (line === '') return;
      this.events++;
      this.#look(line);
    } else if (line === '') this.#endEvent();
    else if (line.startsWith('data:')) {
      this.#hasData = true;
      if (this.#event.length < this.#eventBytesMax) {
        this.#event += line.charCodeAt(5) === 0x20 ? line.slice(6) : line.slice(5);
      }
    }
  }

  #endEvent(): void {
    if (this.#hasData) {
      this.events++;
      this.#look(this.#event);
    }
    this.#hasData = false;
    this.#event = '';
  }

  #look(text: string): void {
    if (text === '[DONE]') return;
    if (hasContent(text)) this.contentChunks++;
    this.model ??= modelForm.exec(text)?.[1];
    if (errorForm.test(text)) this.hasError = true;
    if (usageMark.test(text)) this.usage = { ...this.usage, ...usageOf(text) };
  }
}

/** Whether an event carries generated content; a role alone, a start, an end and a summary do not. */
function hasContent(text: string): boolean {
  if (!contentForm.test(text)) return false;
  const type = typeForm.exec(text)?.[1] ?? '';
  if (type.startsWith('response.')) return type.endsWith('.delta');
  return true;
}

function usageOf(text: string): ReportedUsage {
  const usage: { -readonly [Field in keyof ReportedUsage]: number } = {};
  for (const [, name, digits] of text.matchAll(usageForm)) {
    const field = usageFields[name ?? ''];
    if (field !== undefined) usage[field] = Number(digits);
  }
  return usage;
}
