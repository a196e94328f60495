/**
 * How much longer than here the tests wait before they call something hung. `npm test` measures it (scripts/test.mjs): 1 on
 * a machine as most are, up to 10 in one that is emulated. Only limits of waiting are stretched, never what is expected.
 */
import { env } from 'node:process'

const factor = Number(env['MYCOMPOSE_TEST_PATIENCE'] ?? 1)

/** The limit, as long as this machine needs it. */
export const patient = (limitMs: number): number => limitMs * factor
