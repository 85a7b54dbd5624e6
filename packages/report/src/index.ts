export { renderReport, type ReportEvaluation, type ReportInput } from './page.ts'
export { renderTable, type TableOptions } from './table.ts'
export { verdict, type Remark, type Verdict } from './verdict.ts'
