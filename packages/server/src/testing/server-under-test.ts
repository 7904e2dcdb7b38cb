import type { TestContext } from 'node:test';

/** A server under test. */
export interface ServerUnderTest {
  /** Without `/v1`. */
  readonly url: string;
}

/** Opens a server for one test, or skips the test and returns nothing. */
export type OpenServer = (t: TestContext) => Promise<ServerUnderTest | undefined>;
