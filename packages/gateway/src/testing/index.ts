export { makeIdentity } from './certificate.ts';
export { type Occasion, openGateway, openHttpBackend } from './open-gateway.ts';
