/**
 * The services of the engine and what they promise each other. api/server calls them; containers/ uses images, layers,
 * volumes and networks. All throw MycomposeErrors: NotFoundError (404), ConflictError (409), InvalidRequestError (400).
 * Each service also has `recover()`, called once at engine start, in the order layers, images, volumes, networks, containers; one file each.
 */
export * from './images.ts'
export * from './layers.ts'
export * from './volumes.ts'
export * from './networks.ts'
export * from './streams.ts'
export * from './containers.ts'
export * from './builds.ts'
export * from './filters.ts'
