import type { Attribution } from '@millrace/attribution';
import {
  Assembly,
  decodeRunQueueEvent,
  decodeSocketEvent,
  decodeTcpEvent,
  type RequestRecord,
  TcpLedger,
  WaitLedger,
} from '@millrace/probes';
import { explain, type OtherEvidence } from '../compose/trace-evidence.ts';

/** A finished request with what its time went into. */
export interface TracedRequest {
  readonly record: RequestRecord;
  readonly attribution: Attribution;
}

interface PipelineOptions {
  readonly onRequest: (request: TracedRequest) => void;
  /** Which requests are told. */
  readonly isWanted: (record: RequestRecord) => boolean;
}

/** The pure part of a trace: records of probes in, explained requests out. The same for a live trace and a replay. */
export class TracePipeline {
  readonly #assembly: Assembly;
  readonly #options: PipelineOptions;
  readonly #ledger = new TcpLedger();
  readonly #waits = new WaitLedger();
  readonly #processes = new Set<number>();
  #waiting: RequestRecord[] = [];

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#assembly = new Assembly((record) => {
      if (options.isWanted(record)) this.#waiting.push(record);
    });
  }

  get openRequests(): number {
    return this.#assembly.counts.openRequests;
  }

  /** Processes that have answered on a watched connection. */
  get processes(): ReadonlySet<number> {
    return this.#processes;
  }

  /** Takes one record of a probe. Its bytes are not kept. */
  push(
    probe: string,
    view: DataView,
    place: { readonly offset: number; readonly byteLength: number },
  ): void {
    const { offset, byteLength } = place;
    if (probe === 'sockets') {
      const event = decodeSocketEvent(view, offset, byteLength);
      if (event.kind === 'open') this.#processes.add(event.tgid);
      this.#assembly.push(event);
    } else if (probe === 'tcp-health') {
      this.#ledger.push(decodeTcpEvent(view, offset, byteLength));
    } else if (probe === 'run-queue') {
      this.#waits.push(decodeRunQueueEvent(view, offset, byteLength));
    }
  }

  /** A probe dropped events. */
  noteLoss(probe: string): void {
    if (probe === 'sockets') this.#assembly.noteLoss();
  }

  /** Tells the requests that have finished; to be called when all that is known up to now has been pushed. */
  flush(): void {
    const finished = this.#waiting;
    this.#waiting = [];
    for (const record of finished) {
      const others: OtherEvidence = { watched: [], items: [] };
      this.#options.onRequest({ record, attribution: explain(record, others) });
    }
  }

  /** Ends what is under way and tells it. */
  close(): void {
    this.#assembly.close();
    this.flush();
  }
}
