/**
 * The docker command line against our engine: what a user's fingers, scripts and tools expect of it. Where there is no
 * docker CLI (it is no part of Debian 12 without its daemon) nothing is tested here; the API itself has its own tests.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { BUSYBOX_IMAGE } from '../support/busybox.ts'
import { describeResult, runCommand, type CommandResult } from '../support/command.ts'
import { useEngine } from '../support/engine.ts'

const hasDocker = spawnSync('docker', ['--version']).status === 0
if (!hasDocker) console.log('no docker CLI on this machine: its tests are not run')
else
  describe('docker CLI', () => {
    const engine = useEngine()

    const docker = (args: readonly string[], input?: string): Promise<CommandResult> =>
      runCommand(['docker', ...args], {
        env: {
          PATH: process.env['PATH'] ?? '',
          HOME: '/nonexistent',
          DOCKER_HOST: `unix://${engine.config.paths.socket}`,
        },
        ...(input === undefined ? {} : { input }),
      })
    const ok = async (args: readonly string[], input?: string): Promise<string> => {
      const result = await docker(args, input)
      assert.equal(result.exitCode, 0, describeResult(result))
      return result.stdout.trimEnd()
    }

    it('version, info, images', async () => {
      assert.match(await ok(['version']), /Server: mycompose engine/)
      assert.match(await ok(['info']), /Swarm: inactive/)
      assert.equal(await ok(['images', '--format', '{{.Repository}}:{{.Tag}}']), BUSYBOX_IMAGE)
      assert.match(await ok(['image', 'inspect', BUSYBOX_IMAGE, '--format', '{{.Id}}']), /^sha256:[0-9a-f]{64}$/)
    })

    it('create, start, ps, exec, logs, inspect, stop, rm', async () => {
      const script = 'echo out; echo err >&2; trap "exit 7" TERM; while :; do sleep 0.05; done'
      const id = await ok(['create', '--name', 'c1', '--label', 'a=b', '-e', 'K=V', BUSYBOX_IMAGE, 'sh', '-c', script])
      assert.match(id, /^[0-9a-f]{64}$/)
      assert.equal(await ok(['ps', '-q']), '')
      assert.match(await ok(['ps', '-a', '--filter', 'label=a=b', '--format', '{{.Names}} {{.Status}}']), /^c1 Created/)
      assert.equal(await ok(['start', 'c1']), 'c1')
      assert.match(await ok(['ps', '--format', '{{.Names}} {{.Status}}']), /^c1 Up /)
      assert.equal(await ok(['exec', 'c1', 'sh', '-c', 'echo $K']), 'V')
      assert.equal(await ok(['exec', '-i', 'c1', 'cat'], 'through stdin'), 'through stdin')
      assert.equal((await docker(['exec', 'c1', 'sh', '-c', 'exit 5'])).exitCode, 5)
      const logs = await docker(['logs', 'c1'])
      assert.deepEqual([logs.stdout, logs.stderr], ['out\n', 'err\n'])
      assert.equal(await ok(['inspect', 'c1', '--format', '{{.State.Running}} {{.Config.Labels.a}}']), 'true b')
      await ok(['stop', 'c1'])
      assert.equal(await ok(['inspect', 'c1', '--format', '{{.State.Status}} {{.State.ExitCode}}']), 'exited 7')
      await ok(['rm', 'c1'])
      assert.equal((await docker(['inspect', 'c1'])).exitCode, 1)
    })

    it('run: output of both streams, exit code, --rm', async () => {
      const result = await docker([
        'run',
        '--rm',
        '--name',
        'r1',
        BUSYBOX_IMAGE,
        'sh',
        '-c',
        'echo out; echo err >&2; exit 3',
      ])
      assert.deepEqual([result.exitCode, result.stdout, result.stderr], [3, 'out\n', 'err\n'])
      assert.equal(await ok(['ps', '-aq']), '')
      const missing = await docker(['run', '--rm', BUSYBOX_IMAGE, 'no-such-program'])
      assert.equal(missing.exitCode, 127, describeResult(missing))
      assert.equal(await ok(['ps', '-aq']), '')
    })

    it('logs -f ends with the container, in order, with all lines', async () => {
      await ok([
        'run',
        '-d',
        '--name',
        'l1',
        BUSYBOX_IMAGE,
        'sh',
        '-c',
        'for i in $(seq 1 500); do echo line $i; done; sleep 0.3; echo last',
      ])
      const lines = (await ok(['logs', '-f', 'l1'])).split('\n')
      assert.deepEqual(lines, [...Array.from({ length: 500 }, (_, index) => `line ${index + 1}`), 'last'])
      assert.equal(await ok(['logs', '-n', '1', 'l1']), 'last')
      await ok(['rm', 'l1'])
    })

    it('volumes and networks', async () => {
      await ok(['volume', 'create', 'v1'])
      assert.equal(await ok(['volume', 'ls', '-q']), 'v1')
      assert.equal(
        await ok(['run', '--rm', '-v', 'v1:/data', BUSYBOX_IMAGE, 'cat', '/data/from-image']),
        'from the image',
      )
      assert.match(await ok(['network', 'ls', '--format', '{{.Name}}']), /\bbridge\b[^]*\bhost\b[^]*\bnone\b/)
      await ok(['network', 'create', 'n1'])
      const ping = 'ip -4 addr show eth0; nslookup r2 127.0.0.11'
      assert.match(
        await ok(['run', '--rm', '--name', 'r2', '--network', 'n1', BUSYBOX_IMAGE, 'sh', '-c', ping]),
        /Name:\s+r2/,
      )
      await ok(['network', 'rm', 'n1'])
      await ok(['volume', 'rm', 'v1'])
      assert.equal(await ok(['volume', 'ls', '-q']), '')
    })

    it('stats, update, pause', async () => {
      await ok(['run', '-d', '--name', 's1', '-m', '64m', '--pids-limit', '9', BUSYBOX_IMAGE, 'sleep', '100'])
      const stats = await ok(['stats', '--no-stream', '--format', '{{.Name}} {{.MemUsage}} {{.PIDs}}', 's1'])
      assert.match(stats, /^s1 [\d.]+KiB \/ 64MiB 1$/)
      assert.equal(await ok(['update', '-m', '96m', '--restart', 'unless-stopped', 's1']), 's1')
      assert.equal(
        await ok(['inspect', '-f', '{{.HostConfig.Memory}} {{.HostConfig.RestartPolicy.Name}}', 's1']),
        `${96 * 2 ** 20} unless-stopped`,
      )
      assert.match((await docker(['update', '-m', '1m', 's1'])).stderr, /minimum memory limit allowed is 6MB/)
      await ok(['pause', 's1'])
      assert.match(await ok(['ps', '--filter', 'name=s1', '--format', '{{.Status}}']), /^Up .* \(Paused\)$/)
      await ok(['rm', '-f', 's1'])
    })

    it('network create, connect and disconnect of a running container, with all that can be asked for', async () => {
      const ipam = ['--subnet', '10.232.1.0/24', '--ip-range', '10.232.1.128/30', '--gateway', '10.232.1.254']
      await ok(['network', 'create', ...ipam, '--aux-address', 'nas=10.232.1.128', '--ipv6', '--attachable', 'n2'])
      const config = await ok(['network', 'inspect', 'n2', '--format', '{{json .IPAM.Config}} {{.Attachable}}'])
      assert.match(config, /"nas":"10\.232\.1\.128".*"Subnet":"fd.*true$/)
      await ok(['run', '-d', '--name', 'node', BUSYBOX_IMAGE, 'sleep', '100'])
      const place = [
        '--ip',
        '10.232.1.200',
        '--alias',
        'friend',
        '--link-local-ip',
        '169.254.9.9',
        '--gw-priority',
        '5',
      ]
      const option = ['--driver-opt', 'com.docker.network.endpoint.ifname=front0']
      await ok(['network', 'connect', ...place, ...option, 'n2', 'node'])
      const addresses = await ok(['exec', 'node', 'ip', '-o', 'addr', 'show', 'front0'])
      for (const address of [/10\.232\.1\.200\/24/, /169\.254\.9\.9\/16/, /inet6 fd/]) assert.match(addresses, address)
      assert.match(await ok(['exec', 'node', 'ip', 'route']), /default via 10\.232\.1\.254 dev front0/)
      const run = ['run', '--rm', '--network', 'n2', '--link', 'node:db', BUSYBOX_IMAGE]
      const script = 'ip -o -4 addr show eth0; nslookup friend. ; nslookup db.'
      const seen = await ok([...run, 'sh', '-c', script])
      assert.match(seen, /10\.232\.1\.129\/24/)
      assert.equal(seen.match(/Address.*10\.232\.1\.200/g)?.length, 2, seen)
      await ok(['network', 'disconnect', 'n2', 'node'])
      assert.doesNotMatch(await ok(['exec', 'node', 'ip', '-o', 'addr']), /front0/)
      assert.match(await ok(['exec', 'node', 'ip', 'route']), /default via .* dev eth0/)
      assert.match(
        (await docker(['network', 'connect', '--ip', '10.9.9.9', 'n2', 'node'])).stderr,
        /none of the subnets/,
      )
      await ok(['rm', '-f', 'node'])
      await ok(['network', 'rm', 'n2'])
    })

    it('ports: every kind of address, port, ps', async () => {
      const publish = ['-p', '80', '-p', '127.0.0.1::81', '-p', '[::1]::82', '-p', '53/udp']
      await ok(['run', '-d', '--name', 'shop', ...publish, BUSYBOX_IMAGE, 'sleep', '100'])
      const ports = await ok(['port', 'shop'])
      for (const line of [
        /80\/tcp -> 0\.0\.0\.0:\d+/,
        /80\/tcp -> \[::\]:\d+/,
        /81\/tcp -> 127\.0\.0\.1:\d+/,
        /82\/tcp -> \[::1\]:\d+/,
      ])
        assert.match(ports, line)
      assert.match(ports, /53\/udp -> 0\.0\.0\.0:\d+/)
      assert.doesNotMatch(ports, /53\/udp -> \[/)
      assert.match(await ok(['ps', '--format', '{{.Ports}}']), /\[::1\]:\d+->82\/tcp/)
      await ok(['rm', '-f', 'shop'])
    })

    it('cp in and out, top, rename, kill, events', async () => {
      await ok(['run', '-d', '--name', 'k1', BUSYBOX_IMAGE, 'sleep', '100'])
      const tar = spawnSync('tar', ['-C', import.meta.dirname, '-cf', '-', 'api-docker-cli.test.ts']).stdout
      const copied = spawnSync('docker', ['cp', '-', 'k1:/tmp'], {
        input: tar,
        env: { ...process.env, DOCKER_HOST: `unix://${engine.config.paths.socket}` },
      })
      assert.equal(copied.status, 0, copied.stderr.toString())
      assert.match(await ok(['exec', 'k1', 'head', '-n', '1', '/tmp/api-docker-cli.test.ts']), /^\/\*\*/)
      assert.match(await ok(['top', 'k1']), /sleep 100/)
      await ok(['rename', 'k1', 'k2'])
      await ok(['kill', 'k2'])
      assert.equal(await ok(['wait', 'k2']), '137')
      const events = await ok([
        'events',
        '--since',
        '10m',
        '--until',
        '0s',
        '--filter',
        'container=k2',
        '--format',
        '{{.Action}}',
      ])
      assert.match(events, /kill/)
      await ok(['rm', 'k2'])
    })
  })
