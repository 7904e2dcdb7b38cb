import {
  type AnswerMessage,
  answerTo,
  Cancellation,
  HeaderBlock,
  type HttpBackend,
  readBody,
} from '@millrace/gateway';
import type { ServedSource } from '../admin/served-source.ts';
import type { EngineProcess } from '../supervise/engine-process.ts';

const readMsMax = 2000;
const metricsBytesMax = 4 * 2 ** 20;

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
      const answer = await answerTo(backend, {
        method: 'GET',
        target: '/metrics',
        headers: HeaderBlock.empty,
        body: Buffer.alloc(0),
        cancellation: Cancellation.bySignal(AbortSignal.timeout(readMsMax), 'deadline'),
      });
      return answer.kind === 'answered' ? readText(answer.message) : undefined;
    },
  };
}

async function readText({ status, body }: AnswerMessage): Promise<string | undefined> {
  const read = await readBody(body, metricsBytesMax);
  return read.kind === 'whole' && status === 200 ? read.bytes.toString('utf8') : undefined;
}
