export { main } from './cli/main.ts';
export { ServerError, type ServerErrorCode } from './errors.ts';
