/**
 * The image of most tests: a static busybox with its applets, made as a tar in milliseconds from Debian's
 * busybox-static (npm test installs it). `sh`, `nc`, `httpd` and `nslookup` are in it.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand } from './command.ts'

export const BUSYBOX_IMAGE = 'busybox:test'

const PROGRAMS = ['/bin/busybox', '/usr/bin/busybox']

function findBusybox(): string {
  const found = PROGRAMS.find((path) => existsSync(path))
  if (found === undefined)
    throw new Error('busybox is not installed: apt-get install busybox-static (npm test does it)')
  return found
}

async function fillRoot(root: string, busybox: string): Promise<void> {
  for (const folder of ['bin', 'etc', 'root', 'tmp', 'var/www', 'data'])
    mkdirSync(join(root, folder), { recursive: true })
  copyFileSync(busybox, join(root, 'bin/busybox'))
  const applets = await runCommand([busybox, '--list'])
  for (const applet of applets.stdout.split('\n').filter((name) => name !== '' && name !== 'busybox'))
    symlinkSync('busybox', join(root, 'bin', applet))
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nworker:x:1234:1235:worker:/tmp:/bin/sh\n')
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nworker:x:1235:\nextra:x:2000:worker\n')
  // what a new named volume on /data starts with
  writeFileSync(join(root, 'data/from-image'), 'from the image\n')
}

/** Path of the tar; made once for all test processes of this busybox. */
export async function busyboxTar(): Promise<string> {
  const busybox = findBusybox()
  const folder = join(tmpdir(), 'mycompose-test-images')
  const tar = join(folder, 'busybox-1.tar')
  if (existsSync(tar)) return tar
  mkdirSync(folder, { recursive: true })
  const work = mkdtempSync(join(folder, 'work-'))
  try {
    await fillRoot(join(work, 'root'), busybox)
    const made = join(work, 'busybox.tar')
    const options = ['--sort=name', '--numeric-owner', '--owner=0', '--group=0', '--mtime=@0']
    const { exitCode, stderr } = await runCommand(['tar', '-C', join(work, 'root'), ...options, '-cf', made, '.'])
    if (exitCode !== 0) throw new Error(`tar failed: ${stderr}`)
    renameSync(made, tar) // two test processes may do this at once: the last one wins, both are the same
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return tar
}
