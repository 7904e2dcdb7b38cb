import { apiError, type ApiError } from '@millrace/openai';
import { answerTo } from '../backends/backend.ts';
import { readCacheTokens } from '../engines/cache-size.ts';
import { loadMetricNames } from '../engines/engine-kind.ts';
import { identify, type IdentifyingAnswers } from '../engines/identify.ts';
import { readLoad } from '../engines/read-load.ts';
import { readSlots, type SlotsReading } from '../engines/read-slots.ts';
import { readBody } from '../messages/body.ts';
import { Cancellation } from '../messages/cancellation.ts';
import { HeaderBlock } from '../messages/header-block.ts';
import type { LookBounds } from '../options.ts';
import type { Endpoint } from './endpoint.ts';

type Got =
  | { readonly kind: 'got'; readonly status: number; readonly text: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** Finds out what an endpoint is and serves; returns why that failed, if it did. */
export async function discover(
  endpoint: Endpoint,
  bounds: LookBounds,
): Promise<string | undefined> {
  const models = await get(endpoint, '/v1/models', bounds);
  if (models.kind === 'failed') return models.reason;
  if (models.status !== 200) return `GET /v1/models was answered with status ${models.status}`;
  const ask = async (path: string): Promise<unknown> => {
    const got = await get(endpoint, path, bounds);
    return got.kind === 'got' && got.status === 200 ? parsed(got.text) : undefined;
  };
  const [props, ollamaVersion, sglangInfo, version] = await Promise.all(
    ['/props', '/api/version', '/get_server_info', '/version'].map(ask),
  );
  const [ollamaTags, ollamaLoaded] =
    ollamaVersion === undefined ? [] : await Promise.all(['/api/tags', '/api/ps'].map(ask));
  const answers: IdentifyingAnswers = {
    models: parsed(models.text),
    props,
    ollamaVersion,
    ollamaTags,
    ollamaLoaded,
    sglangInfo,
    version,
  };
  const identity = identify(answers);
  if (identity === undefined) return 'GET /v1/models was not answered with a list of models';
  adopt(endpoint, identity);
  return undefined;
}

/** Reads the load of an endpoint and the size of its cache; returns why it could not be reached, if so. */
export async function readLoadOf(
  endpoint: Endpoint,
  bounds: LookBounds,
): Promise<string | undefined> {
  const names = loadMetricNames[endpoint.kind];
  const path = names?.path ?? '/v1/models';
  const got = await get(endpoint, path, bounds);
  if (got.kind === 'failed') {
    endpoint.load = undefined;
    return got.reason;
  }
  const slots = endpoint.kind === 'llama.cpp' ? await slotsOf(endpoint, bounds) : undefined;
  noteTold(endpoint, got.status === 200 ? got.text : '', slots);
  return undefined;
}

function noteTold(endpoint: Endpoint, metrics: string, slots: SlotsReading | undefined): void {
  const reading = readLoad(endpoint.kind, metrics);
  endpoint.load = reading === undefined ? undefined : { ...reading.load, ...slots?.load };
  endpoint.missingMetrics = reading?.missing ?? [];
  // A look that did not tell it says nothing against what an earlier one did.
  endpoint.cacheTokens =
    slots?.cacheTokens ?? readCacheTokens(endpoint.kind, metrics) ?? endpoint.cacheTokens;
}

/** Slots are shown only by servers that are told to. */
async function slotsOf(endpoint: Endpoint, bounds: LookBounds): Promise<SlotsReading | undefined> {
  const got = await get(endpoint, '/slots', bounds);
  return got.kind === 'got' && got.status === 200 ? readSlots(parsed(got.text)) : undefined;
}

function adopt(endpoint: Endpoint, identity: NonNullable<ReturnType<typeof identify>>): void {
  const { options } = endpoint;
  const listed = new Map(identity.models.map((model) => [model.id, model]));
  const ids = options.models ?? [...listed.keys()];
  endpoint.kind = options.kind ?? identity.kind;
  endpoint.models = ids.map((id) => ({
    id,
    contextTokensMax: options.contextTokensMax ?? listed.get(id)?.contextTokensMax,
    quantization: options.quantization ?? listed.get(id)?.quantization,
  }));
}

async function get(endpoint: Endpoint, path: string, bounds: LookBounds): Promise<Got> {
  const { lookMsMax, answerBytesMax } = bounds;
  const answer = await answerTo(endpoint.backend, {
    method: 'GET',
    target: path,
    headers: HeaderBlock.empty,
    body: Buffer.alloc(0),
    cancellation: Cancellation.bySignal(AbortSignal.timeout(lookMsMax), 'deadline'),
  });
  if (answer.kind === 'abandoned') return failed(`nothing came for ${lookMsMax} ms`);
  if (answer.kind === 'failed') return failed(answer.error.message);
  const body = await readBody(answer.message.body, answerBytesMax);
  switch (body.kind) {
    case 'whole':
      return { kind: 'got', status: answer.message.status, text: body.bytes.toString('utf8') };
    case 'too-large':
      return failed(`the answer to ${path} is larger than ${answerBytesMax} bytes`);
    case 'cut':
      return failed(`the answer to ${path} ended before it was whole`);
  }
}

function failed(reason: string): Got {
  return { kind: 'failed', reason };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Why no request can be taken at all, if so. */
export function unavailableOf(endpoints: readonly Endpoint[]): ApiError | undefined {
  const isServed = endpoints.some(({ health }) => health.state === 'serving');
  return isServed ? undefined : noneServing(endpoints);
}

/** What a client is told when no endpoint can take its request; `why` says what is against one that is healthy. */
export function noneServing(
  endpoints: readonly Endpoint[],
  why: (endpoint: Endpoint) => string = () => 'it cannot take it at present',
): ReturnType<typeof apiError> {
  const reasons = endpoints.map((endpoint) => {
    const { options, health } = endpoint;
    return `${options.name}: ${health.state === 'serving' ? why(endpoint) : health.reason}`;
  });
  return apiError('backend_unavailable', `No endpoint can be asked: ${reasons.join('; ')}.`, {
    retryAfterMs: 1000,
  });
}
