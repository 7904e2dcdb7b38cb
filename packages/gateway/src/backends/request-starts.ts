// Hot path: `of` once a request.
import { HeaderBlock } from '../messages/header-block.ts';
import type { BackendAddress } from './backend-address.ts';

const nothing = Buffer.alloc(0);

/** How requests to an engine begin: the first line, `host`, and the key. Mostly they begin as the one before. */
export class RequestStarts {
  readonly #authorization: string | undefined;
  #address: BackendAddress | undefined;
  #method = '';
  #target = '';
  #bytes: Buffer = nothing;

  /** `authorization` is the value of that header, where it is the gateway's own. */
  constructor(authorization: string | undefined) {
    this.#authorization = authorization;
  }

  of(address: BackendAddress, method: string, target: string): Buffer {
    if (address === this.#address && target === this.#target && method === this.#method)
      return this.#bytes;
    const authorization = this.#authorization;
    const fields = { host: hostOf(address), ...(authorization !== undefined && { authorization }) };
    const pathPrefix = address.kind === 'socket' ? '' : (address.pathPrefix ?? '');
    const line = `${method} ${pathPrefix}${target} HTTP/1.1\r\n`;
    this.#address = address;
    this.#method = method;
    this.#target = target;
    this.#bytes = Buffer.concat([Buffer.from(line, 'latin1'), HeaderBlock.of(fields).toBytes()]);
    return this.#bytes;
  }
}

function hostOf(address: BackendAddress): string {
  if (address.kind === 'socket') return 'localhost';
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  const isUsual = address.port === (address.kind === 'tls' ? 443 : 80);
  return isUsual ? host : `${host}:${address.port}`;
}
