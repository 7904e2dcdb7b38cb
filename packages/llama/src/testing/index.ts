export { requireTestModel } from './model-path.ts';
