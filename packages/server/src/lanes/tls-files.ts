import { randomBytes } from 'node:crypto';
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { checkIdentity, ticketKeyBytes, type TlsOptions } from '@millrace/gateway';
import { type Clock, messageOf, type Timer } from '@millrace/stdx';
import type { TlsPaths } from '../config/file-schema.ts';
import { ServerError } from '../errors.ts';

/** What watching them needs. */
export interface TlsFilesOptions {
  readonly paths: TlsPaths;
  readonly clock: Clock;
  /** Told what lanes are to serve by from now on. */
  readonly onChange: (tls: TlsOptions) => void;
  readonly onNews: (news: string) => void;
}

/** The files are looked at this often for a change. */
const watchMs = 1000;
/** A certificate and its key are written one after the other: a pair that does not fit is looked at again so much later. */
const settleMs = 2000;
/** Keys that seal session tickets are made anew this often: a stolen one opens no more than a day. */
const ticketKeysMs = 12 * 3600 * 1000;
/** So long before its end a certificate is told to be renewed. */
const expiryNoticeMs = 14 * 24 * 3600 * 1000;

/** Certificate and key of the port, from files that may change while it runs; what does not fit is told and not taken over. */
export class TlsFiles implements Disposable {
  readonly #options: TlsFilesOptions;
  #tls: TlsOptions;
  #timer: Timer | undefined;
  #rotation: Timer | undefined;

  /** Throws `SERVER_SETTING_INVALID` for files that cannot be read, and `GATEWAY_TLS_INVALID` for what cannot serve. */
  constructor(options: TlsFilesOptions) {
    this.#options = options;
    this.#tls = this.#read(randomBytes(ticketKeyBytes));
    for (const path of this.#paths)
      watchFile(path, { interval: watchMs, persistent: false }, this.reload);
    this.#rotateAgain();
  }

  /** What lanes serve by at this moment. */
  get tls(): TlsOptions {
    return this.#tls;
  }

  /** Reads the files again; what does not fit may be half written, and has a moment to settle. */
  readonly reload = (): void => {
    this.#timer?.cancel();
    if (this.#takeOver() !== undefined)
      this.#timer = this.#options.clock.after(settleMs, () => this.#takeOverSettled());
  };

  [Symbol.dispose](): void {
    for (const path of this.#paths) unwatchFile(path, this.reload);
    this.#timer?.cancel();
    this.#rotation?.cancel();
  }

  get #paths(): readonly string[] {
    return [this.#options.paths.cert, this.#options.paths.key];
  }

  #takeOverSettled(): void {
    const problem = this.#takeOver();
    if (problem === undefined) return;
    const told = `the certificate is not taken over, the one before stays: ${problem}`;
    this.#options.onNews(told);
  }

  /** Why it was not done, if so. */
  #takeOver(): string | undefined {
    const { paths, onChange, onNews } = this.#options;
    const before = this.#tls;
    try {
      this.#tls = this.#read(before.ticketKeys);
    } catch (error) {
      return messageOf(error);
    }
    if (before.cert === this.#tls.cert && before.key === this.#tls.key) return undefined;
    onChange(this.#tls);
    onNews(`took over the certificate ${paths.cert}`);
    return undefined;
  }

  #read(ticketKeys: Uint8Array): TlsOptions {
    const { paths, clock, onNews } = this.#options;
    const identity = { cert: readText(paths.cert), key: readText(paths.key) };
    const { subject, validToUnixMs } = checkIdentity(identity, clock.unixMs());
    const leftMs = validToUnixMs - clock.unixMs();
    if (leftMs < expiryNoticeMs)
      onNews(`the certificate of ${subject} ends in ${Math.floor(leftMs / 86_400_000)} days`);
    return { ...identity, ticketKeys };
  }

  #rotateAgain(): void {
    this.#rotation = this.#options.clock.after(ticketKeysMs, () => {
      this.#tls = { ...this.#tls, ticketKeys: randomBytes(ticketKeyBytes) };
      this.#options.onChange(this.#tls);
      this.#rotateAgain();
    });
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ServerError(`read ${path}: ${messageOf(error)}`, {
      code: 'SERVER_SETTING_INVALID',
      cause: error,
    });
  }
}
