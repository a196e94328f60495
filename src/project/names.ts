/** The names that docker compose gives, which scripts rely on. Pure. */
import type { Project, Service } from '../compose/model.ts'

/** @example containerName("p", web, 2) === "p-web-2"; `container_name` verbatim */
export function containerName(projectName: string, service: Service, number: number): string {
  return service.containerName ?? `${projectName}-${service.name}-${number}`
}

/** While a container is being replaced, its successor is called so until the name is free. */
export function temporaryName(oldId: string, name: string): string {
  return `${oldId.slice(0, 12)}_${name}`
}

export function isTemporaryName(name: string, finalName: string): boolean {
  return name.length === finalName.length + 13 && name.endsWith(`_${finalName}`)
}

/** What log prefixes show: without the project, unless the name was chosen by the user. */
export function shortName(projectName: string, name: string): string {
  return name.startsWith(`${projectName}-`) ? name.slice(projectName.length + 1) : name
}

/** What `build` calls the image of a service that names none. */
export function builtName(projectName: string, serviceName: string): string {
  return `${projectName}-${serviceName}`
}

/** The image of a service: named, or as `build` would name it. */
export function imageReference(projectName: string, service: Service): string {
  return service.image ?? builtName(projectName, service.name)
}

/** What the service asks for, else DOCKER_DEFAULT_PLATFORM; undefined: that of the machine. */
export function platformOf({ environment }: Project, { platform }: Service): string | undefined {
  return platform ?? (environment['DOCKER_DEFAULT_PLATFORM'] || undefined)
}

export function imageResource(reference: string): string {
  return `Image ${reference}`
}

export function containerResource(name: string): string {
  return `Container ${name}`
}

export function networkResource(name: string): string {
  return `Network ${name}`
}

export function volumeResource(name: string): string {
  return `Volume ${name}`
}
