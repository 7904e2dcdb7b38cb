import { gatewayDefaults } from '@millrace/gateway';
import type { LimitsConfig } from '../config/limits-schema.ts';

/** Bounds of a lane that a configuration may set. */
export interface LaneLimits {
  readonly connectionsMax: number;
  readonly backendConnectionsMax: number;
  readonly bodyBytesMax: number;
  readonly bodiesBytesMax: number;
}

/** What is configured, and the defaults for the rest. */
export function laneLimits(config: LimitsConfig = {}): LaneLimits {
  return {
    connectionsMax: config.connections ?? gatewayDefaults.connectionsMax,
    backendConnectionsMax: config.engineConnections ?? gatewayDefaults.backendConnectionsMax,
    bodyBytesMax: config.bodyBytes ?? gatewayDefaults.bodyBytesMax,
    bodiesBytesMax: config.bodiesBytes ?? gatewayDefaults.bodiesBytesMax,
  };
}
