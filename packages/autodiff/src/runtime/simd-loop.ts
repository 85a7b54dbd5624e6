/** The bytes of a WebAssembly module that goes over arrays four float32 at a time (WebAssembly core specification 2.0). */

/** A value of the loop: a local number, or a scalar at an address, the same in every round. */
export type LoopOperand = { readonly value: number } | { readonly scalarAt: number }

/** What value number i of the loop is: four numbers of an array, or an operation on earlier values. */
export type LoopNode =
  | { readonly loadFrom: number }
  | { readonly opcode: number; readonly operands: readonly LoopOperand[] }

export interface LoopStore {
  readonly from: LoopOperand
  /** Address of the array. */
  readonly to: number
}

const PAGE = 2 ** 16
const [MAGIC, VERSION] = [
  [0x00, 0x61, 0x73, 0x6d],
  [1, 0, 0, 0],
]
const [I32, F32, V128] = [0x7f, 0x7d, 0x7b]
const [SUB, ADD] = [0xe5, 0xe4]
const [LOOP, BRANCH_IF, END] = [[0x03, 0x40], [0x0d, 0x00], 0x0b]
const [I32_ADD, I32_LESS, F32_ADD] = [0x6a, 0x49, 0x92]
const get = (local: number) => [0x20, ...leb(local)]
const set = (local: number) => [0x21, ...leb(local)]
const i32 = (value: number) => [0x41, ...signedLeb(value)]
const simd = (opcode: number, ...immediates: number[]) => [0xfd, ...leb(opcode), ...immediates]
const load = (address: number) => simd(0x00, 4, ...leb(address))
const loadSplat = (address: number) => simd(0x09, 2, ...leb(address))
const store = (address: number) => simd(0x0b, 4, ...leb(address))
const lane = (i: number) => simd(0x1f, i)

/**
 * A module that exports `memory`, of at least `size` bytes, and `loop(bytes)`, which goes over that many bytes of each array
 * and returns the sum of v − v over everything stored: 0 if all of it is finite, else NaN.
 */
export function loopModule(
  nodes: readonly LoopNode[],
  stores: readonly LoopStore[],
  size: number,
): Uint8Array<ArrayBuffer> {
  const [bytes, at, excess, values] = [0, 1, 2, 3]
  const push = (o: LoopOperand) =>
    'value' in o ? get(values + o.value) : [i32(0), loadSplat(o.scalarAt)].flat()
  const computed = nodes.flatMap((node, i) => [
    'loadFrom' in node
      ? [get(at), load(node.loadFrom)].flat()
      : [...node.operands.flatMap(push), ...simd(node.opcode)],
    set(values + i),
  ])
  const stored = stores.flatMap(({ from, to }) => [
    [get(at), push(from), store(to)].flat(),
    [get(excess), push(from), push(from), simd(SUB), simd(ADD), set(excess)].flat(),
  ])
  const lanes = [0, 1, 2, 3].flatMap((i) => [get(excess), lane(i), i ? [F32_ADD] : []])
  const again = [get(at), i32(16), [I32_ADD], set(at), get(at), get(bytes), [I32_LESS], BRANCH_IF]
  const code = [LOOP, ...computed, ...stored, ...again, [END], ...lanes, [END]].flat()
  const locals = vector([
    [1, I32],
    [...leb(1 + nodes.length), V128],
  ])
  const sections = [
    section(1, vector([[0x60, ...vector([[I32]]), ...vector([[F32]])]])),
    section(3, vector([[0]])),
    section(5, vector([[0x00, ...leb(Math.ceil(size / PAGE))]])),
    section(7, vector([exported('loop', 0x00), exported('memory', 0x02)])),
    section(10, vector([[...leb(locals.length + code.length), ...locals, ...code]])),
  ]
  return Uint8Array.from([MAGIC, VERSION, ...sections].flat())
}

const section = (id: number, content: readonly number[]) => [id, ...leb(content.length), ...content]
const vector = (items: readonly (readonly number[])[]) => [...leb(items.length), ...items.flat()]
const exported = (name: string, kind: number) => [
  ...leb(name.length),
  ...new TextEncoder().encode(name),
  kind,
  0,
]

function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)]
}

/** Of a number that is not negative: its sign bit must be clear. */
function signedLeb(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signedLeb(value >>> 7)]
}
