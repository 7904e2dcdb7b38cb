import { AnswerUnreadableError } from '../errors.ts';

/** An object of an engine's answer. */
export type JsonObject = Readonly<Record<string, unknown>>;

const shownCharactersMax = 80;

export function objectAt(value: unknown, path: string): JsonObject {
  if (isObject(value)) return value;
  throw unreadable(path, value, 'an object');
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function listAt(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw unreadable(path, value, 'a list');
}

export function textAt(value: unknown, path: string): string {
  if (typeof value === 'string') return value;
  throw unreadable(path, value, 'a string');
}

/** A text that may be missing or null: it is then empty. */
export function optionalTextAt(value: unknown, path: string): string {
  return textAt(value ?? '', path);
}

export function countAt(value: unknown, path: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw unreadable(path, value, 'a whole number of 0 or more');
}

/** What is amiss with one field of an answer: where, what it is, what should stand there. */
export function unreadable(path: string, value: unknown, expected: string): AnswerUnreadableError {
  const shown = (JSON.stringify(value) ?? 'missing').slice(0, shownCharactersMax);
  return new AnswerUnreadableError(
    `read a chat completion: ${path} is ${shown}; expected is ${expected}`,
  );
}
