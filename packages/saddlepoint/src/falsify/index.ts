/** Counterexamples to specifications in VNN-LIB. */
export { falsify, type Falsification, type FalsifyOptions } from './search.ts'
export { parseVnnlib, type Box, type Disjunct, type Specification } from './vnnlib.ts'
export type { LinearConstraint } from './formula.ts'
export { SpecificationError } from './s-expression.ts'
export { formatWitness, marginOf, satisfied, type Witness } from './witness.ts'
