export type { Backend, BackendAnswer, BackendRequest } from './backends/backend.ts';
export {
  type BackendAddress,
  HttpBackend,
  type HttpBackendOptions,
} from './backends/http-backend.ts';
export { GatewayError, type GatewayErrorCode } from './errors.ts';
export {
  type Gateway,
  type GatewayOptions,
  type OwnRoute,
  startGateway,
} from './http/gateway-server.ts';
export { type GatewayBounds, gatewayDefaults } from './options.ts';
