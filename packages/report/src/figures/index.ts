/** Figures as standalone SVG. */
export { heatMap, type HeatMapOptions, type HeatMapPanel } from './heat-map.ts'
export { imageGrid, type GridImage, type GridRow, type ImageGridOptions } from './image-grid.ts'
export { lineChart, type LineChartOptions, type LinePoint, type LineSeries } from './line-chart.ts'
