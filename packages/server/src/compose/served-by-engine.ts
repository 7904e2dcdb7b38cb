import type { IncomingMessage } from 'node:http';
import type { HttpBackend } from '@millrace/gateway';
import type { ServedSource } from '../admin/served-source.ts';
import type { EngineProcess } from '../supervise/engine-process.ts';

const readMsMax = 2000;

/** The embedded engine as the admin routes see it. */
export function servedByEngine(engine: EngineProcess, backend: HttpBackend): ServedSource {
  return {
    get modelId() {
      return engine.modelId;
    },
    get unavailable() {
      return engine.unavailable;
    },
    readMetrics: async () => {
      if (engine.unavailable !== undefined) return undefined;
      const answer = await backend.send({
        method: 'GET',
        target: '/metrics',
        headers: { host: 'engine' },
        body: Buffer.alloc(0),
        signal: AbortSignal.timeout(readMsMax),
      });
      return answer.kind === 'answered' ? readText(answer.message) : undefined;
    },
  };
}

async function readText(message: IncomingMessage): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of message) pieces.push(piece as Buffer);
  } catch {
    return undefined;
  }
  return message.statusCode === 200 ? Buffer.concat(pieces).toString('utf8') : undefined;
}
