export { requireCommand, requireKernel } from './requirements.ts';
