/** The contract between client and engine, in one import. */
export * from './container.ts'
export * from './stats.ts'
export * from './network.ts'
export * from './image.ts'
export * from './volume.ts'
export * from './system.ts'
