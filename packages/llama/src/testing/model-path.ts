import type { TestContext } from 'node:test';

/** The GGUF file that tests with a real model use; skips the test, with the reason, where there is none. */
export function requireTestModel(t: TestContext): string | undefined {
  const path = process.env['MILLRACE_TEST_MODEL'];
  if (path !== undefined && path !== '') return path;
  t.skip(
    'needs a model: set MILLRACE_TEST_MODEL to a GGUF file ("npm test" does where the default model is in the cache)',
  );
  return undefined;
}
