/** Writes a traced graph as an ONNX model. */
import { encodeModel } from '../onnx/encode.ts'
import type { AttributeValue, OnnxModel, OnnxNode, ValueInfo } from '../onnx/graph.ts'
import { float32, int64, ndarray, type DataType, type NDArray } from '../tensor/array.ts'
import { ancestors } from '../tensor/differentiate.ts'
import { batchAxis, type Shape } from '../tensor/shape.ts'
import { findOp, type Node, type Target, type Tensor } from '../tensor/tensor.ts'
import { lower, type Draw } from './lower.ts'

/** The oldest opset that has all the forms this library writes; newer ones only where an operator needs them. */
const BASE_OPSET = 18

export interface EmitOptions {
  readonly target?: Target
  readonly name?: string
  readonly producer?: string
  readonly metadata?: Readonly<Record<string, string>>
  /** Makes what stands for a node that draws random numbers; without it ONNX Runtime draws them. */
  readonly draw?: Draw
}

/**
 * The model that computes `outputs` from `inputs` (placeholders made by `input`).
 *
 * @throws Error if an output depends on a placeholder that is not among the inputs
 */
export function emit(
  inputs: readonly Tensor[],
  outputs: Readonly<Record<string, Tensor>>,
  options: EmitOptions = {},
): OnnxModel {
  const results = lower(Object.values(outputs), options.target ?? { provider: 'cpu' }, options.draw)
  return new Emitter(inputs, options).emit(Object.keys(outputs), results)
}

/** The same, as the bytes of a file. */
export function emitBytes(...parameters: Parameters<typeof emit>): Uint8Array {
  return encodeModel(emit(...parameters))
}

class Emitter {
  private readonly inputs: readonly Tensor[]
  private readonly options: EmitOptions
  private readonly names = new Map<Tensor, string>()
  /** Results that a node can write under the wanted name, with no copy behind it. */
  private readonly direct = new Map<Tensor, string>()
  private readonly used = new Set<string>()
  private readonly initializers = new Map<string, NDArray>()
  private readonly literals = new Map<string, string>()
  private readonly nodes: OnnxNode[] = []
  private opset = BASE_OPSET
  /** Versions that operators taken over from a file ask for, by domain. */
  private readonly foreign: Record<string, number> = {}
  private batchName: string | undefined

  constructor(inputs: readonly Tensor[], options: EmitOptions) {
    this.inputs = inputs
    this.options = options
  }

  emit(outputNames: readonly string[], results: readonly Tensor[]): OnnxModel {
    for (const name of outputNames) this.used.add(name)
    for (const t of this.inputs) this.names.set(t, this.claim(String(t.node.attributes['name'])))
    const order = ancestors(results)
    const needed = new Set(order.flatMap((node) => node.inputs))
    for (const [i, t] of results.entries()) {
      needed.add(t)
      if (!INDIRECT.has(t.node.op) && !this.direct.has(t)) this.direct.set(t, outputNames[i]!)
    }
    for (const node of order) this.node(node, needed)
    const outputs = results.map((t, i) => this.output(t, outputNames[i]!))
    return {
      irVersion: this.opset >= 21 ? 10 : 8,
      opsets: { ...this.foreign, '': Math.max(this.opset, this.foreign[''] ?? 0) },
      producer: this.options.producer ?? 'saddlepoint',
      metadata: this.options.metadata ?? {},
      graph: {
        name: this.options.name ?? 'saddlepoint',
        inputs: this.inputs.map((t) => ({
          name: this.names.get(t)!,
          type: t.type,
          shape: declared(t.shape),
        })),
        outputs,
        initializers: this.initializers,
        nodes: this.nodes,
      },
    }
  }

  private node(node: Node, needed: ReadonlySet<Tensor | undefined>): void {
    if (node.op === 'Input') {
      if (!this.names.has(node.outputs[0]!))
        throw new Error(`the graph reads "${String(node.attributes['name'])}", which is not among its inputs`)
      return
    }
    if (node.op === 'Constant') {
      const { value, name } = node.attributes as { value: NDArray; name?: string }
      const [t] = node.outputs
      this.names.set(t!, name ? this.initializer(name, value) : this.literal(value))
      return
    }
    const definition = findOp(node.op)
    const { opaque: taken } = node.attributes
    const since =
      typeof definition?.since === 'function' ? definition.since(node.attributes) : definition?.since
    this.opset = Math.max(this.opset, taken ? 0 : (since ?? BASE_OPSET))
    if (node.op === 'BatchTimes') {
      this.names.set(node.outputs[0]!, this.batchTimes(Number(node.attributes['k'])))
      return
    }
    // Outputs nobody reads are left out, but for the first, and where their number has a meaning.
    const counted = COUNTED.has(node.op) || Boolean(node.attributes['training_mode'])
    const last = counted ? node.outputs.length - 1 : node.outputs.findLastIndex((t) => needed.has(t))
    const outputs = node.outputs.slice(0, last + 1).map((t) => {
      if (!counted && t.index > 0 && !needed.has(t)) return ''
      const own = t.index ? `${base(node)}_${t.index}` : base(node)
      const name = this.direct.get(t) ?? this.claim(own)
      this.names.set(t, name)
      return name
    })
    if (node.op === 'Sizes') return this.sizes(node)
    const { domain: given, opaque, version, ...attributes } = node.attributes
    const domain = typeof given === 'string' ? given : (definition?.domain ?? '')
    if (opaque && version) this.foreign[domain] = Math.max(this.foreign[domain] ?? 0, Number(version))
    const { inputs, rest } = this.operands(node, attributes)
    this.nodes.push({ op: node.op, domain, name: outputs.find(Boolean)!, inputs, outputs, attributes: rest })
  }

  /** Real inputs by name; those that ONNX wants as tensors but we keep as attributes, as constants. */
  private operands(node: Node, attributes: Record<string, unknown>) {
    const rest: Record<string, AttributeValue> = {}
    for (const [key, value] of Object.entries(attributes))
      if (value !== undefined)
        rest[key] = (typeof value === 'boolean' ? Number(value) : value) as AttributeValue
    const inputs = node.inputs.map((t) => (t ? this.names.get(t)! : ''))
    if (node.attributes['opaque']) return { inputs, rest }
    const slots = findOp(node.op)?.staticInputs ?? []
    slots.forEach((slot, i) => {
      const [key = '', kind] = slot.split(':')
      if (!key) return
      const value = rest[key] as readonly number[] | undefined
      delete rest[key]
      inputs[i] =
        value === undefined
          ? ''
          : key === 'shape'
            ? this.shape(node, value)
            : this.literal(kind ? float32([value.length], value) : int64([value.length], value))
    })
    this.special(node, inputs, rest)
    while (inputs.at(-1) === '') inputs.pop()
    return { inputs, rest }
  }

  /** Operators whose ONNX form differs from ours in other ways. */
  private special(node: Node, inputs: string[], rest: Record<string, AttributeValue>): void {
    if (node.op === 'Clip')
      for (const [i, key] of ['min', 'max'].entries()) {
        const value = rest[key] as number | undefined
        delete rest[key]
        inputs[i + 1] = value === undefined ? '' : this.literal(ndarray(node.inputs[0]!.type, [], [value]))
      }
    if (node.op === 'Pad') {
      inputs[1] = this.literal(int64([node.inputs[0]!.rank * 2], rest['pads'] as number[]))
      const { type } = node.inputs[0]!
      inputs[2] = rest['value'] ? this.literal(ndarray(type, [], [rest['value'] as number])) : ''
      delete rest['pads']
      delete rest['value']
    }
    if (node.op === 'Cast') rest['to'] = ONNX_TYPES[rest['to'] as DataType]
  }

  /** The target of a Reshape or Expand, the batch taken from the data. */
  private shape(node: Node, shape: Shape): string {
    if (node.op === 'Reshape')
      return this.literal(
        int64(
          [shape.length],
          shape.map((d) => (d < 0 ? -1 : d)),
        ),
      )
    const axis = batchAxis(shape)
    const x = node.inputs[0]!
    // Expand keeps what is larger: a 1 stands for the batch wherever the operand has it already.
    const has = axis >= 0 && (x.shape[axis - shape.length + x.rank] ?? 1) === shape[axis]
    if (axis < 0 || has)
      return this.literal(
        int64(
          [shape.length],
          shape.map((d) => (d < 0 ? 1 : d)),
        ),
      )
    const parts = [shape.slice(0, axis), shape.slice(axis + 1)].map((part) =>
      part.length ? this.literal(int64([part.length], part)) : '',
    )
    const batch = this.times(this.batch(), -shape[axis]!)
    return this.helper('Concat', [parts[0]!, batch, parts[1]!].filter(Boolean), { axis: 0 })
  }

  /** The batch size as an int64 tensor of one element. */
  private batch(): string {
    if (this.batchName) return this.batchName
    const source = this.inputs.find((t) => batchAxis(t.shape) >= 0)
    if (!source) throw new Error('a graph without a batched input cannot know the batch size')
    const axis = batchAxis(source.shape)
    const size = this.helper('Shape', [this.names.get(source)!], { start: axis, end: axis + 1 })
    const k = -source.shape[axis]!
    return (this.batchName = k === 1 ? size : this.helper('Div', [size, this.literal(int64([1], [k]))]))
  }

  private times(name: string, k: number): string {
    return k === 1 ? name : this.helper('Mul', [name, this.literal(int64([1], [k]))])
  }

  /** Shape arithmetic that something reads at run time after all. */
  private sizes(node: Node): void {
    const [t] = node.outputs
    const parts = (node.attributes['sizes'] as unknown as [number, number][]).map(([fixed, k]) =>
      k ? this.times(this.batch(), k) : this.literal(int64([1], [fixed])),
    )
    const joined = parts.length > 1 ? this.helper('Concat', parts, { axis: 0 }) : parts[0]!
    const shaped = this.helper('Reshape', [joined, this.literal(int64([t!.rank], t!.shape))])
    this.names.set(
      t!,
      t!.type === 'int64' ? shaped : this.helper('Cast', [shaped], { to: ONNX_TYPES[t!.type] }),
    )
  }

  private batchTimes(k: number): string {
    const float = this.helper('Cast', [this.times(this.batch(), k)], { to: ONNX_TYPES.float32 })
    return this.helper('Reshape', [float, this.literal(int64([0], []))])
  }

  private helper(op: string, inputs: string[], attributes: Record<string, AttributeValue> = {}): string {
    const name = this.claim(op)
    this.nodes.push({ op, domain: '', name, inputs, outputs: [name], attributes })
    return name
  }

  /** Small unnamed constants with equal contents share one initializer. */
  private literal(value: NDArray): string {
    if (value.data.length > 64) return this.initializer('constant', value)
    const key = `${value.type}[${value.dims.join()}]${value.data.toString()}`
    const known = this.literals.get(key)
    if (known) return known
    const name = this.initializer('constant', value)
    this.literals.set(key, name)
    return name
  }

  private initializer(name: string, value: NDArray): string {
    if (this.initializers.get(name)?.data === value.data) return name
    const unique = this.claim(name)
    this.initializers.set(unique, value)
    return unique
  }

  private output(t: Tensor, name: string): ValueInfo {
    // The result may also be an input, a constant, or an output already: a copy carries the wanted name.
    if (this.direct.get(t) !== name)
      this.nodes.push({
        op: 'Identity',
        domain: '',
        name,
        inputs: [this.names.get(t)!],
        outputs: [name],
        attributes: {},
      })
    return { name, type: t.type, shape: declared(t.shape) }
  }

  private claim(wanted: string): string {
    let name = wanted
    for (let i = 2; this.used.has(name); i++) name = `${wanted}.${i}`
    this.used.add(name)
    return name
  }
}

/** Whose results have names of their own. */
const INDIRECT: ReadonlySet<string> = new Set(['Input', 'Constant', 'BatchTimes', 'Sizes'])

const COUNTED: ReadonlySet<string> = new Set(['Split', 'TopK', 'If', 'Loop', 'Scan'])

const base = (node: Node) => node.label || node.op

function declared(shape: Shape): (number | string)[] {
  return shape.map((d) => (d >= 0 ? d : d === -1 ? 'N' : `${-d}N`))
}

/** TensorProto.DataType. */
export const ONNX_TYPES: Record<DataType, number> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
}
