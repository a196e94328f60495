/**
 * Doctor: what the kernel must have been built with, told without loading anything: what is loaded (/sys/module), what
 * modprobe could load (/lib/modules), what is built in (/proc/config.gz). Source: man 5 modules.dep, kernel Kconfig.
 */
import { release } from 'node:os'
import type { DoctorCheck } from './doctor.ts'
import type { DoctorFinding } from '../api/types/index.ts'
import type { Host } from '../host/host.ts'

interface Feature {
  /** Of the module, as modprobe knows it. */
  readonly module: string
  /** Of the kernel's configuration, without CONFIG_. */
  readonly option: string
  /** What does not work without it. */
  readonly purpose: string
  readonly needed: boolean
}

const FEATURES: readonly Feature[] = [
  { module: 'bridge', option: 'BRIDGE', purpose: 'networks', needed: true },
  { module: 'veth', option: 'VETH', purpose: 'networks', needed: true },
  { module: 'nf_tables', option: 'NF_TABLES', purpose: 'published ports and isolation', needed: true },
  { module: 'nft_chain_nat', option: 'NFT_NAT', purpose: 'published ports', needed: true },
  { module: 'nft_masq', option: 'NFT_MASQ', purpose: 'the way out of containers', needed: true },
  { module: 'nft_fib_inet', option: 'NFT_FIB_INET', purpose: 'published ports', needed: true },
  { module: 'nf_conntrack', option: 'NF_CONNTRACK', purpose: 'published ports', needed: true },
  { module: 'macvlan', option: 'MACVLAN', purpose: 'networks with the driver macvlan', needed: false },
]

export type Presence = 'there' | 'absent' | 'unknown'

/** PURE. `modules`: the text of modules.dep and modules.builtin, `config`: of the kernel's configuration; undefined: not there. */
export function presenceOf(
  { module, option }: Pick<Feature, 'module' | 'option'>,
  texts: { readonly modules: string | undefined; readonly config: string | undefined },
): Presence {
  if (texts.config !== undefined) {
    const built = new RegExp(`^CONFIG_${option}=(.)$`, 'm').exec(texts.config)?.[1]
    if (built === 'y' || (built === 'm' && texts.modules === undefined)) return 'there'
    if (built === undefined) return 'absent'
  }
  if (texts.modules === undefined) return 'unknown'
  const file = module.replaceAll('_', '[-_]')
  return new RegExp(`(?:^|/)${file}\\.ko`, 'm').test(texts.modules) ? 'there' : 'absent'
}

async function kernelConfig({ files }: Host): Promise<string | undefined> {
  const text = files.readTextSync(`/boot/config-${release()}`)
  if (text !== undefined || !files.existsSync('/proc/config.gz')) return text
  const { gunzipSync } = await import('node:zlib')
  return gunzipSync(await files.readFile('/proc/config.gz')).toString('latin1')
}

function moduleLists({ files }: Host): string | undefined {
  const lists = ['modules.dep', 'modules.builtin'].map((name) =>
    files.readTextSync(`/lib/modules/${release()}/${name}`),
  )
  return lists.every((text) => text === undefined) ? undefined : lists.join('\n')
}

function toFinding({ module, purpose, needed }: Feature, presence: Presence): DoctorFinding | undefined {
  const check = 'kernel'
  if (presence === 'there') return undefined
  if (presence === 'unknown')
    return { check, status: 'ok', message: `whether the kernel has ${module} (${purpose}) shows at the first use` }
  return {
    check,
    status: needed ? 'failed' : 'warning',
    message: `the kernel has no ${module}: ${purpose} need it`,
    fix: 'boot the kernel of the distribution: apt-get install linux-image-amd64 (linux-image-arm64), then reboot',
  }
}

export const checkFeatures: DoctorCheck = async ({ host }) => {
  const absent = FEATURES.filter(({ module }) => !host.files.existsSync(`/sys/module/${module}`))
  const texts = { modules: moduleLists(host), config: absent.length > 0 ? await kernelConfig(host) : undefined }
  const findings = absent.flatMap((feature) => toFinding(feature, presenceOf(feature, texts)) ?? [])
  if (findings.every(({ status }) => status === 'ok'))
    findings.unshift({
      check: 'kernel',
      status: 'ok',
      message: `it has what networks need: ${FEATURES.filter(({ needed }) => needed)
        .map(({ module }) => module)
        .join(', ')}`,
    })
  return findings
}

export const checkSecurity: DoctorCheck = ({ host }) => {
  const { files } = host
  const findings: DoctorFinding[] = []
  const filters = files.existsSync('/proc/sys/kernel/seccomp/actions_avail')
  findings.push(
    filters
      ? { check: 'seccomp', status: 'ok', message: 'system calls are filtered' }
      : {
          check: 'seccomp',
          status: 'failed',
          message: 'the kernel filters no system calls: containers start with seccomp=unconfined only',
          fix: 'boot a kernel with CONFIG_SECCOMP_FILTER, as every distribution has it',
        },
  )
  const users = Number(files.readTextSync('/proc/sys/user/max_user_namespaces') ?? 0)
  if (users === 0)
    findings.push({
      check: 'userns',
      status: 'warning',
      message: 'user namespaces are switched off: programs in containers that sandbox themselves (browsers) fail',
      fix: 'sysctl -w user.max_user_namespaces=15000',
    })
  else findings.push({ check: 'userns', status: 'ok', message: `up to ${users} user namespaces` })
  if (files.existsSync('/sys/fs/selinux/enforce'))
    findings.push({
      check: 'selinux',
      status: 'warning',
      message: 'SELinux is on: files of binds are not relabelled (z, Z), containers run without a label of their own',
      fix: 'label them by hand: chcon -Rt container_file_t FOLDER',
    })
  return Promise.resolve(findings)
}
