/** The whole conformance table of builds. */
import { addCases } from './add-cases.ts'
import type { BuildCase } from './build-case.ts'
import { configCases } from './config-cases.ts'
import { copyCases } from './copy-cases.ts'
import { heredocCases } from './heredoc-cases.ts'
import { runCases } from './run-cases.ts'
import { stageCases } from './stage-cases.ts'

export const TABLE: Readonly<Record<string, readonly BuildCase[]>> = {
  COPY: copyCases,
  ADD: addCases,
  heredocs: heredocCases,
  configuration: configCases,
  RUN: runCases,
  stages: stageCases,
}
