import { parentPort, workerData } from 'node:worker_threads';
import { assert, assertDefined, FaultError, messageOf, systemClock } from '@millrace/stdx';
import { ControlLine } from './control-line.ts';
import { laneProtocol, type FromLane, type LaneSetup, type ToLane } from './lane-messages.ts';
import { Lane } from './lane.ts';

/** What a worker thread runs: a lane, until control tells it to drain. What it does not catch ends this thread only. */
export async function runLane(): Promise<void> {
  const port = assertDefined(parentPort, 'a lane runs in a worker thread');
  const setup = workerData as LaneSetup;
  assert(setup.protocol === laneProtocol, `control speaks version ${setup.protocol}`);
  const send = (message: FromLane): void => port.postMessage(message);
  let lane: Lane;
  try {
    lane = await Lane.open(setup, new ControlLine(send, systemClock));
  } catch (error) {
    const code = error instanceof FaultError ? error.code : undefined;
    send({ kind: 'failed', code, message: messageOf(error) });
    return;
  }
  send({ kind: 'listening', protocol: laneProtocol, place: lane.place });
  // What control has told meanwhile waits in the port until somebody listens.
  port.on('message', (told: ToLane) => {
    if (told.kind === 'measure') send({ kind: 'measured', metrics: lane.metrics });
    else if (told.kind === 'drain') void drain(lane, told.drainMsMax);
    else lane.follow(told);
    if (told.kind === 'table') send({ kind: 'took-over', number: told.number });
  });

  async function drain(ending: Lane, drainMsMax: number): Promise<void> {
    await ending.drain(drainMsMax);
    send({ kind: 'drained', metrics: ending.metrics });
    port.close();
  }
}
