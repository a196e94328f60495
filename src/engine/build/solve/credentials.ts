/** The login for a registry, from those that a client sends with a build (X-Registry-Config). PURE. */
import type { AuthConfig } from '../../../api/types/image.ts'
import type { RegistryCredentials } from '../../services/index.ts'

/** Under these docker's clients keep the login of docker.io. */
const HUB_KEYS = ['docker.io', 'index.docker.io', 'registry-1.docker.io']

/** "https://index.docker.io/v1/" is "index.docker.io". */
function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, '').split('/')[0] ?? key
}

/** `domain`: as in a canonical reference, "docker.io". Undefined: nobody has logged in there. */
export function credentialsFor(
  logins: Readonly<Record<string, AuthConfig>>,
  domain: string,
): RegistryCredentials | undefined {
  const hosts = domain === 'docker.io' ? HUB_KEYS : [domain]
  const login = Object.entries(logins).find(([key]) => hosts.includes(hostOf(key)))?.[1]
  if (login === undefined) return undefined
  const { username, password, identitytoken, registrytoken } = login
  if (username === undefined && identitytoken === undefined && registrytoken === undefined) return undefined
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(identitytoken === undefined ? {} : { identityToken: identitytoken }),
    ...(registrytoken === undefined ? {} : { registryToken: registrytoken }),
  }
}
