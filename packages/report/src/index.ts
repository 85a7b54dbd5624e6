export * from './figures/index.ts'
export type { Generator } from './document.ts'
export { renderReport, type ReportEvaluation, type ReportInput } from './page.ts'
export { renderRecipePage, type RecipeFigure, type RecipeNumber, type RecipePage } from './recipe-page.ts'
export { renderTable, type TableOptions } from './table.ts'
export {
  renderTrainingPage,
  trainingFigures,
  type TrainingEpoch,
  type TrainingPage,
} from './training-page.ts'
export { verdict, type Remark, type Verdict } from './verdict.ts'
