import type { PerfEventOptions } from '../links/attach-perf-event.ts';
import type { ClassifierOptions } from '../links/attach-classifier.ts';
import type { CookieOption, TracepointOptions } from '../links/attach-tracepoint.ts';
import type { UprobeOptions } from '../links/uprobe-options.ts';
import type { LinkKind } from '../links/link.ts';
import type { LoadOptions } from '../load/load-options.ts';
import type { LoadReport } from '../load/load-report.ts';
import type { MapKey } from '../maps/bpf-map.ts';
import type { Identity } from '../sys/credentials.ts';

/** Where a program is attached. */
export type Hook =
  | { readonly kind: 'raw-tracepoint'; readonly name?: string }
  | ({ readonly kind: 'trace' } & CookieOption)
  | ({ readonly kind: 'tracepoint' } & TracepointOptions)
  | ({ readonly kind: 'uprobe' } & UprobeOptions)
  | ({ readonly kind: 'perf-event' } & PerfEventOptions)
  | { readonly kind: 'cgroup'; readonly path: string }
  | ({ readonly kind: 'classifier' } & Omit<ClassifierOptions, 'via'>);

/** A program and where it is to be attached; `name` is that of its pin. */
export interface LinkRequest {
  readonly name: string;
  readonly program: string;
  readonly hook: Hook;
}

/** An entry of a map, by the map's name. */
export interface MapEntry {
  readonly map: string;
  readonly key: MapKey;
  readonly value: Uint8Array;
}

/** An object, what is wanted of it, and who vouches for its bytes. */
export interface ObjectRequest {
  readonly bytes: Uint8Array;
  readonly signature?: Uint8Array;
  /** Public keys as PEM. */
  readonly keys?: readonly string[];
  readonly allowsUnsigned?: boolean;
  readonly options?: LoadOptions;
  /** What maps hold before anything is attached, such as which processes to watch. */
  readonly entries?: readonly MapEntry[];
  readonly links: readonly LinkRequest[];
  /** Names of the maps to pin. */
  readonly maps: readonly string[];
}

/** What a loader does: objects, one after the other, pinned in one folder and given to a user. */
export interface LoaderRequest {
  readonly objects: readonly ObjectRequest[];
  /** Path of the folder for pins, which the loader makes. */
  readonly folder: string;
  readonly owner?: Identity;
}

/** What became of a link that was asked for. */
export interface LinkReport {
  readonly name: string;
  readonly program: string;
  readonly outcome: 'attached' | 'failed';
  readonly kind?: LinkKind;
  readonly target?: string;
  /** Why it failed; empty where it is attached. */
  readonly reason: string;
  readonly code?: string;
  readonly needs?: string;
}

/** What became of an object. `load` is absent where nothing of it could be loaded. */
export interface ObjectReport {
  readonly load?: LoadReport;
  readonly links: readonly LinkReport[];
  readonly mapsPinned: readonly string[];
  readonly reason: string;
  readonly code?: string;
  readonly needs?: string;
}

/** What a loader answers. */
export type LoaderAnswer =
  | { readonly kind: 'done'; readonly objects: readonly ObjectReport[] }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string };
