import { type Counter, type Gauge, type Histogram, Registry } from '@millrace/telemetry';
