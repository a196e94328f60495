/** The whole conformance table of builds. */
import { addCases } from './add-cases.ts'
import type { BuildCase } from './build-case.ts'
import { configCases } from './config-cases.ts'
import { copyFlagCases } from './copy-flag-cases.ts'
import { copyPathCases } from './copy-path-cases.ts'
import { heredocCases } from './heredoc-cases.ts'
import { mountCases } from './mount-cases.ts'
import { runCases } from './run-cases.ts'
import { stageCases } from './stage-cases.ts'

export const TABLE: Readonly<Record<string, readonly BuildCase[]>> = {
  COPY: copyPathCases,
  'COPY, flags': copyFlagCases,
  ADD: addCases,
  heredocs: heredocCases,
  configuration: configCases,
  RUN: runCases,
  mounts: mountCases,
  stages: stageCases,
}
