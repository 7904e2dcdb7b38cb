import { readFile } from 'node:fs/promises';
import { jsonAnswer, type OwnAnswer, type OwnRequest, pathOf } from '@millrace/gateway';
import { type ApiError, errorBody, errorHeaders } from '@millrace/openai';
import type { ServedSource } from './served-source.ts';
import { readStatus } from './status.ts';

/** What the admin routes show. */
export interface AdminParts {
  /** The gateway's own metrics, of all its threads, as text. */
  readonly readGateway: () => Promise<string>;
  readonly served: ServedSource;
}

const pages: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
};

/** Nothing from elsewhere, nothing inline. */
const contentPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Answers an operator; undefined where there is nothing at the target. */
export type AdminRoute = (
  request: Pick<OwnRequest, 'method' | 'target'>,
) => OwnAnswer | undefined | Promise<OwnAnswer>;

/** Answers `/`, `/admin/status`, `/health` and `/metrics`. */
export function createAdminRoute(parts: AdminParts): AdminRoute {
  return ({ method, target }) => {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    const path = pathOf(target);
    const page = pages[path];
    if (page !== undefined) return pageAnswer(page);
    if (path === '/health') return healthAnswer(parts.served.unavailable);
    if (path === '/metrics') return metricsAnswer(parts);
    return path === '/admin/status' ? statusAnswer(parts) : undefined;
  };
}

async function pageAnswer([file, type]: readonly [file: string, type: string]): Promise<OwnAnswer> {
  return {
    status: 200,
    headers: {
      'content-type': type,
      'content-security-policy': contentPolicy,
      'cache-control': 'no-cache',
    },
    body: await readFile(new URL(`page/${file}`, import.meta.url)),
  };
}

/** 200 exactly when requests are served. */
export function healthAnswer(reason: ApiError | undefined): OwnAnswer {
  return jsonAnswer(reason === undefined ? 200 : 503, {
    status: reason === undefined ? 'serving' : 'unavailable',
    ...(reason === undefined ? {} : { reason: reason.message }),
  });
}

/** An operator's question that could not be answered. */
export function errorAnswer(error: ApiError): OwnAnswer {
  return {
    status: error.status,
    headers: { 'content-type': 'application/json', ...errorHeaders(error) },
    body: errorBody(error),
  };
}

async function metricsAnswer({ served, readGateway }: AdminParts): Promise<OwnAnswer> {
  const [gateway, engine] = await Promise.all([readGateway(), served.readMetrics()]);
  return {
    status: 200,
    headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
    body: gateway + (engine ?? '# The engine is not there; its metrics are missing.\n'),
  };
}

async function statusAnswer({ served, readGateway }: AdminParts): Promise<OwnAnswer> {
  const [gateway, metrics] = await Promise.all([readGateway(), served.readMetrics()]);
  return jsonAnswer(200, readStatus({ served, metrics, gateway }));
}
