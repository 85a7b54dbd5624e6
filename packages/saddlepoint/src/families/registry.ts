/** The families by name, in the order of the published matrix. */
import { decisionTree } from './decision-tree.ts'
import type { Family } from './family.ts'
import { nearestNeighbours } from './nearest-neighbours.ts'
import { dnn, linearSvm, logisticRegression } from './networks.ts'
import { rbfSvm } from './rbf-svm.ts'

export const families: Readonly<Record<string, Family>> = Object.fromEntries(
  [dnn, logisticRegression, linearSvm, rbfSvm, decisionTree, nearestNeighbours].map((f) => [f.name, f]),
)
