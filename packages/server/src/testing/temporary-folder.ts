import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An empty folder that goes with its disposal. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  return await mkdtempDisposable(join(tmpdir(), 'millrace-'));
}
