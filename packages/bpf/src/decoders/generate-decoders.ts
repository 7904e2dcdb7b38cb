import type { Btf } from '../btf/btf.ts';
import type { BtfTypeOf } from '../btf/btf-types.ts';
import { BpfError } from '../errors.ts';
import { type Field, fieldsOf, type Shape } from './layout.ts';

/** What to generate, and from where, for the first line. */
export interface DecoderRequest {
  /** Names of structures. */
  readonly structs: readonly string[];
  /** Names of enumerations, whose values become constants. */
  readonly enums?: readonly string[];
  /** The file's first line, without its comment mark. */
  readonly headline: string;
}

/**
 * TypeScript that reads structures of an object from a `DataView`: for each field a function, and for each structure one
 * that makes an object and one that fills an object. Throws `BPF_BTF_INVALID` for a name that the object does not have.
 */
export function generateDecoders(btf: Btf, request: DecoderRequest): string {
  const parts = [
    ...(request.enums ?? []).map((name) => enumPart(wanted(btf, 'enum', name))),
    ...request.structs.map((name) => structPart(btf, wanted(btf, 'struct', name))),
  ];
  return `// ${request.headline}\n\n${parts.join('\n')}`;
}

function wanted<Kind extends 'enum' | 'struct'>(
  btf: Btf,
  kind: Kind,
  name: string,
): BtfTypeOf<Kind> {
  const type = btf.find(kind, name);
  if (type !== undefined) return type;
  throw new BpfError(`generate decoders: the object has no ${kind} "${name}"`, {
    code: 'BPF_BTF_INVALID',
  });
}

function enumPart({ name, values }: BtfTypeOf<'enum'>): string {
  const constant = lowerFirst(pascal([name]));
  const fits = values.every(({ value }) => BigInt.asIntN(54, value) === value);
  const members = values.map((member) => `  ${member.name}: ${member.value}${fits ? '' : 'n'},\n`);
  return `/** enum ${name} */\nexport const ${constant} = {\n${members.join('')}} as const;\n`;
}

function structPart(btf: Btf, type: BtfTypeOf<'struct'>): string {
  const fields = fieldsOf(btf, type);
  const name = pascal([type.name]);
  const readers = fields.flatMap((field) => readersOf(type.name, field));
  const plain = readers.filter(({ isMember }) => isMember);
  const members = plain.map(({ property, result }) => `  ${property}: ${result};\n`).join('');
  const made = plain
    .map(({ property, call }) => `    ${property}: ${call('view', 'offset')},\n`)
    .join('');
  const filled = plain
    .map(({ property, call }) => `  target.${property} = ${call('view', 'offset')};\n`)
    .join('');
  return [
    `/** Bytes of struct ${type.name}. */\nexport const ${lowerFirst(name)}Bytes = ${type.byteLength};\n`,
    ...readers.map(({ text }) => text),
    `/** struct ${type.name}, read as a whole. */\nexport interface ${name} {\n${members}}\n`,
    `export function decode${name}(view: DataView, offset: number): ${name} {\n  return {\n${made}  };\n}\n`,
    `/** The same into an object that is used again. */\nexport function decode${name}Into(view: DataView, offset: number, target: ${name}): void {\n${filled}}\n`,
  ].join('\n');
}

interface Reader {
  readonly property: string;
  readonly result: string;
  readonly text: string;
  /** Whether the object of the whole structure has it. */
  readonly isMember: boolean;
  readonly call: (view: string, offset: string) => string;
}

function readersOf(struct: string, field: Field): readonly Reader[] {
  const property = lowerFirst(pascal(field.path));
  const name = `read${pascal([struct, ...field.path])}`;
  const { shape, length } = field;
  if (shape.kind === 'text' || shape.kind === 'bytes') return bytesReaders(name, property, field);
  if (length !== undefined) return [elementReader(name, property, field)];
  const readers = [reader({ name, property, offset: field.offset, shape })];
  if (shape.kind !== 'integer' || shape.byteLength !== 8) return readers;
  const get = shape.isSigned ? 'getBigInt64' : 'getBigUint64';
  return [
    ...readers,
    {
      property: `${property}Exact`,
      result: 'bigint',
      isMember: false,
      call: () => '',
      text: accessor({
        doc: `The same with all 64 bits.`,
        head: `${name}Exact(view: DataView, offset: number): bigint`,
        body: `view.${get}(${at(field.offset)}, true)`,
      }),
    },
  ];
}

interface ReaderInput {
  readonly name: string;
  readonly property: string;
  readonly offset: number;
  readonly shape: Shape;
}

function reader({ name, property, offset, shape }: ReaderInput): Reader {
  const result = shape.kind === 'integer' && shape.isBoolean ? 'boolean' : 'number';
  const isWide = shape.kind === 'integer' && shape.byteLength === 8;
  return {
    property,
    result,
    isMember: true,
    call: (view, place) => `${name}(${view}, ${place})`,
    text: accessor({
      doc: isWide ? 'Exact up to 2^53.' : '',
      head: `${name}(view: DataView, offset: number): ${result}`,
      body: expression(shape, at(offset)),
    }),
  };
}

function elementReader(
  name: string,
  property: string,
  { shape, offset, length = 0 }: Field,
): Reader {
  const place = `${at(offset)} + index * ${shape.byteLength}`;
  const isStruct = shape.kind === 'struct';
  const what = isStruct ? `Offset of struct ${shape.name}` : 'Element';
  const result = shape.kind === 'integer' && shape.isBoolean ? 'boolean' : 'number';
  return {
    property,
    result,
    isMember: false,
    call: () => '',
    text: accessor({
      doc: `${what} \`index\` of ${length}.`,
      head: `${name}${isStruct ? 'Offset' : ''}(${isStruct ? '' : 'view: DataView, '}offset: number, index: number): ${result}`,
      body: isStruct ? place : expression(shape, place),
    }),
  };
}

function bytesReaders(
  name: string,
  property: string,
  { shape, offset, length = 0 }: Field,
): readonly Reader[] {
  const head = (kind: string): string => `${name}${kind}(view: DataView, offset: number)`;
  const range = `view.byteOffset + ${at(offset)}, ${length}`;
  const bytes: Reader = {
    property,
    result: 'Uint8Array',
    isMember: false,
    call: () => '',
    text: accessor({
      doc: `The ${length} bytes where they lie: valid as long as the view.`,
      head: `${head('')}: Uint8Array`,
      body: `new Uint8Array(view.buffer, ${range})`,
    }),
  };
  if (shape.kind !== 'text') {
    return [
      { ...bytes, isMember: true, call: (view, place) => `${name}(${view}, ${place}).slice()` },
    ];
  }
  const text: Reader = {
    property,
    result: 'string',
    isMember: true,
    call: (view, place) => `${name}Text(${view}, ${place})`,
    text: `/** Up to the first zero byte, as UTF-8. */\nexport function ${head('Text')}: string {
  let end = 0;
  while (end < ${length} && view.getUint8(${at(offset)} + end) !== 0) end += 1;
  return Buffer.from(view.buffer, view.byteOffset + ${at(offset)}, end).toString('utf8');\n}\n`,
  };
  return [bytes, text];
}

/** What reads a shape at a place, from variable `view`. */
function expression(shape: Shape, place: string): string {
  switch (shape.kind) {
    case 'integer':
      return integer(shape, place);
    case 'float':
      return `view.getFloat${shape.byteLength * 8}(${place}, true)`;
    case 'bits': {
      const mask = `0x${(2 ** shape.bits - 1).toString(16)}`;
      return `((${word(shape.byteLength, place)} >>> ${shape.shift}) & ${mask}) >>> 0`;
    }
    case 'text':
    case 'bytes':
    case 'struct':
      return place;
  }
}

function integer(shape: Shape & { readonly kind: 'integer' }, place: string): string {
  const sign = shape.isSigned ? 'Int' : 'Uint';
  if (shape.isBoolean) return `${word(1, place)} !== 0`;
  if (shape.byteLength === 8) {
    return `view.getUint32(${place}, true) + view.get${sign}32(${place} + 4, true) * 0x1_0000_0000`;
  }
  if (shape.byteLength === 1) return `view.get${sign}8(${place})`;
  return `view.get${sign}${shape.byteLength * 8}(${place}, true)`;
}

function word(byteLength: 1 | 2 | 4, place: string): string {
  return byteLength === 1
    ? `view.getUint8(${place})`
    : `view.getUint${byteLength * 8}(${place}, true)`;
}

function at(offset: number): string {
  return offset === 0 ? 'offset' : `offset + ${offset}`;
}

function accessor({
  doc,
  head,
  body,
}: {
  readonly doc: string;
  readonly head: string;
  readonly body: string;
}): string {
  return `${doc === '' ? '' : `/** ${doc} */\n`}export function ${head} {\n  return ${body};\n}\n`;
}

function pascal(path: readonly string[]): string {
  return path
    .flatMap((name) => name.split('_'))
    .filter((part) => part !== '')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('');
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
