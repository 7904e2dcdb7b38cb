import { createPublicKey } from 'node:crypto';
import { FaultError, UnsupportedError } from '@millrace/stdx';
import { attachCgroup } from '../links/attach-cgroup.ts';
import { attachClassifier } from '../links/attach-classifier.ts';
import { attachPerfEvent } from '../links/attach-perf-event.ts';
import { attachRawTracepoint, attachTrace, attachTracepoint } from '../links/attach-tracepoint.ts';
import { attachUprobe } from '../links/attach-uprobe.ts';
import type { Link } from '../links/link.ts';
import { loadObject } from '../load/load-object.ts';
import type { LoadedObject } from '../load/loaded-object.ts';
import { PinFolder } from '../pins/pin-folder.ts';
import type { Program } from '../programs/program.ts';
import { verifyObject } from '../signing/signature.ts';
import type {
  Hook,
  LinkReport,
  LinkRequest,
  LoaderRequest,
  ObjectReport,
  ObjectRequest,
} from './loader-request.ts';

/**
 * Verifies, loads, attaches and pins, and gives the pins away. What fails is told object by object and link by link. When
 * something throws, no pin is left.
 */
export function loadAndPin(request: LoaderRequest): readonly ObjectReport[] {
  const folder = new PinFolder(request.folder);
  folder.create();
  try {
    const reports = request.objects.map((object) => loadOne(object, folder));
    if (request.owner !== undefined) folder.giveTo(request.owner);
    return reports;
  } catch (error) {
    folder.remove();
    throw error;
  }
}

function loadOne(request: ObjectRequest, folder: PinFolder): ObjectReport {
  try {
    const verified = verifyObject(request.bytes, {
      keys: (request.keys ?? []).map((pem) => createPublicKey(pem)),
      ...(request.signature === undefined ? {} : { signature: request.signature }),
      ...(request.allowsUnsigned === undefined ? {} : { allowsUnsigned: request.allowsUnsigned }),
    });
    using loaded = loadObject(verified, { ...request.options, maps: request.maps });
    for (const { map, key, value } of request.entries ?? []) loaded.map(map).update(key, value);
    const mapsPinned = request.maps.map((name) => {
      loaded.map(name).pin(folder.pathOf('maps', name));
      return name;
    });
    const links = request.links.map((link) => attachOne(loaded, link, folder));
    return { load: loaded.report, links, mapsPinned, reason: '' };
  } catch (error) {
    return { links: [], mapsPinned: [], ...faultOf(error) };
  }
}

function attachOne(loaded: LoadedObject, request: LinkRequest, folder: PinFolder): LinkReport {
  const { name, program, hook } = request;
  try {
    using link = attach(loaded.program(program), hook);
    link.pin(folder.pathOf('links', name));
    return { name, program, outcome: 'attached', kind: link.kind, target: link.target, reason: '' };
  } catch (error) {
    return { name, program, outcome: 'failed', ...faultOf(error) };
  }
}

function attach(program: Program, hook: Hook): Link {
  switch (hook.kind) {
    case 'raw-tracepoint':
      return attachRawTracepoint(program, hook.name);
    case 'trace':
      return attachTrace(program, hook);
    case 'tracepoint':
      return attachTracepoint(program, hook);
    case 'uprobe':
      return attachUprobe(program, hook);
    case 'perf-event':
      return attachPerfEvent(program, hook);
    case 'cgroup':
      return attachCgroup(program, hook.path);
    case 'classifier':
      return attachClassifier(program, hook);
  }
}

function faultOf(error: unknown): {
  readonly reason: string;
  readonly code: string;
  readonly needs?: string;
} {
  if (!(error instanceof FaultError)) throw error;
  const { message: reason, code } = error;
  return error instanceof UnsupportedError
    ? { reason, code, needs: error.needs }
    : { reason, code };
}
