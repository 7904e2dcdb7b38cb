import { type LoadedProbe, openTlsProbe, watchTls } from '@millrace/probes';
import { fileIdentity, findTls, type Reach, usualTlsFiles } from './engine-libraries.ts';

/** The probe of OpenSSL, and whom it is attached to. Its probe belongs to who drains it. */
export class TlsWatch {
  readonly probe: LoadedProbe;
  readonly #reach: Reach;
  readonly #seen = new Set<string>();
  readonly #files: string[] = [];

  /** Throws what @millrace/bpf throws. */
  constructor(reach: Reach) {
    this.#reach = reach;
    this.probe = openTlsProbe({ isFilteredByProcess: reach === 'by-file' });
    if (reach === 'by-file') for (const path of usualTlsFiles()) this.#watchFile(path);
  }

  /** Files that are followed in whatever process uses them. */
  get files(): readonly string[] {
    return this.#files;
  }

  /** A process without OpenSSL has nothing to follow there. */
  add(tgids: readonly number[]): void {
    for (const tgid of tgids) {
      const place = findTls(tgid);
      if (place === undefined) continue;
      if (this.#reach === 'by-file') this.#watchFile(place.path);
      else watchTls(this.probe, place);
    }
  }

  #watchFile(path: string): void {
    const identity = fileIdentity(path);
    if (identity === undefined || this.#seen.has(identity)) return;
    this.#seen.add(identity);
    if (watchTls(this.probe, { path }) === undefined) this.#files.push(path);
  }
}
