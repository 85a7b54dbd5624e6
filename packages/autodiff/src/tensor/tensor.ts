/** Symbolic tensors: nodes of a graph that is written by calling functions, and the table of operators they come from. */
import { float32, ndarray, sizeOf, type DataType, type NDArray } from './array.ts'
import { formatShape, type Shape } from './shape.ts'

export type Attribute = number | string | boolean | readonly number[] | readonly string[] | NDArray | object
export type Attributes = Readonly<Record<string, Attribute | undefined>>
export type Inputs = readonly (Tensor | undefined)[]

export interface TensorType {
  readonly type: DataType
  readonly shape: Shape
}

/** Where a graph will run; spellings of a derivative are chosen by it. */
export interface Target {
  readonly provider: 'cpu' | 'webgpu' | 'wasm' | 'cuda' | 'coreml' | 'dml'
  /**
   * Forces a spelling of one of our own operators, where it can write the case: benchmarks and tests of all spellings
   * use it.
   */
  readonly spellings?: Readonly<Record<string, string>>
  /** See `Engine.channelBlock`. */
  readonly channelBlock?: number
}

/** Thrown by a spelling that is right for some geometries only. */
export class UnfitSpelling extends Error {
  override name = 'UnfitSpelling'
}

/** What a gradient rule is given. */
export interface GradientContext {
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
  readonly attributes: Attributes
  /** Gradient of the objective with respect to the first output. */
  readonly dy: Tensor
  /** The same for every output; undefined where the objective does not depend on it. */
  readonly dys: readonly (Tensor | undefined)[]
  /** Which inputs the caller wants a gradient for. */
  readonly needs: readonly boolean[]
}

/**
 * One gradient per input, undefined where there is none or none is needed; a broadcast gradient is summed by the caller.
 * 'zero' as in OpDefinition, where it depends on the case.
 */
export type GradientRule = (context: GradientContext) => readonly (Tensor | undefined)[] | 'zero'

export interface OpDefinition {
  /** Types and shapes of the outputs. Throws ShapeError on operands that do not fit. */
  infer(inputs: readonly Tensor[], attributes: Attributes): readonly TensorType[]
  /**
   * The rule; or 'zero' where the derivative exists and is zero (almost) everywhere; or 'none' where outputs are not
   * functions one differentiates (shapes, indices). An absent rule is an error when a gradient needs it.
   */
  readonly gradient?: GradientRule | 'zero' | 'none'
  /** The gradient rule accepts a `dy` that still has size-1 dimensions where the output is larger. */
  readonly elementwise?: boolean
  /** Names under which inputs that ONNX takes as constant integers are kept as attributes here; '' = a real input. */
  readonly staticInputs?: readonly string[]
  /** The first opset with the form written here; 18 when absent. */
  readonly since?: number | ((attributes: Attributes) => number)
  readonly domain?: string
  /** Its outputs are other ones at every run: equal nodes do not stand for one another. */
  readonly random?: boolean
  /** Own operators only: named ways to write this one in ONNX. One that cannot write a case throws UnfitSpelling. */
  readonly spellings?: Readonly<
    Record<string, (inputs: readonly Tensor[], attributes: Attributes) => readonly Tensor[]>
  >
  /** Own operators only: which spelling is best for this case on this target. */
  readonly spelling?: (inputs: readonly Tensor[], attributes: Attributes, target: Target) => string
  /** ONNX's operators: another way to write this one, which is faster on this target; undefined to leave it. */
  readonly rewrite?: (
    inputs: readonly Tensor[],
    attributes: Attributes,
    target: Target,
  ) => readonly Tensor[] | undefined
}

const definitions = new Map<string, OpDefinition>()

/** Adds an operator to the table. */
export function defineOp(op: string, definition: OpDefinition): void {
  if (definitions.has(op)) throw new Error(`operator ${op} is defined twice`)
  definitions.set(op, definition)
}

export function findOp(op: string): OpDefinition | undefined {
  return definitions.get(op)
}

/** All operators that have a definition, for `inspect` and for tests that walk the table. */
export function definedOps(): ReadonlyMap<string, OpDefinition> {
  return definitions
}

let nodeCount = 0

/** One application of an operator. Ids grow with creation, so sorting by id is a topological order. */
export class Node {
  readonly id = nodeCount++
  readonly outputs: readonly Tensor[]
  readonly op: string
  readonly inputs: Inputs
  readonly attributes: Attributes
  /** Name in the model file it came from, for messages. */
  label: string | undefined = currentLabel
  constructor(op: string, inputs: Inputs, attributes: Attributes, types: readonly TensorType[]) {
    this.op = op
    this.inputs = inputs
    this.attributes = attributes
    this.outputs = types.map(({ type, shape }, index) => new Tensor(this, index, type, shape))
  }
}

let currentLabel: string | undefined

/** Runs `build` with every node it makes carrying `label`. */
export function withLabel<T>(label: string | undefined, build: () => T): T {
  const before = currentLabel
  currentLabel = label
  try {
    return build()
  } finally {
    currentLabel = before
  }
}

export type Operand = Tensor | number | NDArray

/** A value that will exist when the graph runs. Its shape is known now, but for the batch (see Shape). */
export class Tensor {
  readonly node: Node
  readonly index: number
  readonly type: DataType
  readonly shape: Shape
  constructor(node: Node, index: number, type: DataType, shape: Shape) {
    this.node = node
    this.index = index
    this.type = type
    this.shape = shape
  }

  get rank(): number {
    return this.shape.length
  }

  add(other: Operand): Tensor {
    return apply('Add', [this, lift(other, this.type)])
  }
  sub(other: Operand): Tensor {
    return apply('Sub', [this, lift(other, this.type)])
  }
  mul(other: Operand): Tensor {
    return apply('Mul', [this, lift(other, this.type)])
  }
  div(other: Operand): Tensor {
    return apply('Div', [this, lift(other, this.type)])
  }
  pow(exponent: Operand): Tensor {
    return apply('Pow', [this, lift(exponent, this.type)])
  }
  neg(): Tensor {
    return apply('Neg', [this])
  }
  square(): Tensor {
    return apply('Mul', [this, this])
  }
  /** Sum over the given axes (all when absent, none when the list is empty). */
  sum(axes?: readonly number[] | number, keepDims = false): Tensor {
    return reduce('ReduceSum', this, axes, keepDims)
  }
  /** Mean over the given axes (all when absent). */
  mean(axes?: readonly number[] | number, keepDims = false): Tensor {
    return reduce('ReduceMean', this, axes, keepDims)
  }
  max(axes?: readonly number[] | number, keepDims = false): Tensor {
    return reduce('ReduceMax', this, axes, keepDims)
  }
  min(axes?: readonly number[] | number, keepDims = false): Tensor {
    return reduce('ReduceMin', this, axes, keepDims)
  }
  /** The same elements in another shape; −k is k times the batch (see Shape). */
  reshape(shape: Shape): Tensor {
    return apply('Reshape', [this], { shape })
  }
  transpose(perm: readonly number[]): Tensor {
    return apply('Transpose', [this], { perm })
  }
  cast(type: DataType): Tensor {
    return type === this.type ? this : apply('Cast', [this], { to: type })
  }

  toString(): string {
    return `${this.node.op}#${this.node.id} ${this.type}${formatShape(this.shape)}`
  }
}

function reduce(
  op: string,
  x: Tensor,
  axes: readonly number[] | number | undefined,
  keepDims: boolean,
): Tensor {
  const list = axes === undefined ? x.shape.map((_, i) => i) : typeof axes === 'number' ? [axes] : axes
  // ONNX takes an empty list for all axes; here, as in NumPy, it is none.
  if (list.length === 0 && x.rank > 0) return x
  const positive = list.map((a) => (a < 0 ? a + x.rank : a))
  return apply(op, [x], { axes: positive, keepdims: keepDims ? 1 : 0 })
}

/** Applies an operator and returns all its outputs. */
export function applyAll(op: string, inputs: Inputs, attributes: Attributes = {}): readonly Tensor[] {
  const definition = definitions.get(op)
  if (!definition) throw new Error(`operator ${op} has no definition`)
  const types = definition.infer(inputs as readonly Tensor[], attributes)
  return new Node(op, inputs, attributes, types).outputs
}

/** Applies an operator and returns its first output. */
export function apply(op: string, inputs: Inputs, attributes: Attributes = {}): Tensor {
  return applyAll(op, inputs, attributes)[0]!
}

/** A node whose output types are known from elsewhere: operators without a definition, taken over from a file as they are. */
export function applyOpaque(
  op: string,
  inputs: Inputs,
  attributes: Attributes,
  types: readonly TensorType[],
): readonly Tensor[] {
  return new Node(op, inputs, { ...attributes, opaque: true }, types).outputs
}

/** A placeholder that is fed at every run. */
export function input(name: string, type: DataType, shape: Shape): Tensor {
  return new Node('Input', [], { name }, [{ type, shape }]).outputs[0]!
}

/** A value that is part of the graph. A name is kept in the written file. */
export function constant(value: NDArray, name?: string): Tensor {
  return new Node('Constant', [], { value, name }, [{ type: value.type, shape: value.dims }]).outputs[0]!
}

/** A rank-0 constant. */
export function scalar(value: number, type: DataType = 'float32'): Tensor {
  return constant(ndarray(type, [], [value]))
}

/** Makes an operand of the operators: numbers and host arrays become constants. */
export function lift(value: Operand, type: DataType = 'float32'): Tensor {
  if (value instanceof Tensor) return value
  return typeof value === 'number' ? scalar(value, type) : constant(value)
}

/** The value of a Constant node, or undefined. */
export function constantValue(tensor: Tensor | undefined): NDArray | undefined {
  return tensor?.node.op === 'Constant' ? (tensor.node.attributes['value'] as NDArray) : undefined
}

/** The number held by a one-element float or integer constant, or undefined. */
export function scalarValue(tensor: Tensor | undefined): number | undefined {
  const value = constantValue(tensor)
  return value && sizeOf(value.dims) === 1 ? Number(value.data[0]) : undefined
}

/** A float32 constant from nested shape and a filling number. */
export function filled(shape: readonly number[], value: number): Tensor {
  return constant(float32(shape, new Float32Array(sizeOf(shape)).fill(value)))
}

// Attribute readers: one place that knows how an attribute may be absent.

export function intAttr(attributes: Attributes, name: string, fallback: number): number {
  const value = attributes[name]
  return value === undefined ? fallback : Number(value)
}
export const floatAttr = intAttr
export function intsAttr(attributes: Attributes, name: string): readonly number[] | undefined {
  return attributes[name] as readonly number[] | undefined
}
export function stringAttr(attributes: Attributes, name: string, fallback: string): string {
  return (attributes[name] as string | undefined) ?? fallback
}
