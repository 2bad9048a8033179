// What Grafana's published schema says a dashboard is, with enums as the plain values that JSON holds.
// test_dashboard.py appends `const dashboard: Checked = {...}` and lets the TypeScript compiler judge.
import type { Dashboard, FieldConfigSource, Panel, RowPanel } from "@grafana/schema";
import type * as stat from "@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.d.ts";
import type * as table from "@grafana/schema/dist/types/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen.d.ts";
import type * as timeseries from "@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.d.ts";

type Plain<T> = T extends string
  ? string extends T ? string : `${T}`
  : T extends number
    ? number extends T ? number : T | (`${T}` extends `${infer N extends number}` ? N : never)
    : T extends (infer Item)[]
      ? Plain<Item>[]
      : T extends object
        ? { [K in keyof T]: Plain<T[K]> }
        : T;

type Fields<Custom> = Omit<Plain<FieldConfigSource>, "defaults"> & {
  defaults: Omit<Plain<FieldConfigSource>["defaults"], "custom" | "thresholds"> & {
    custom?: Plain<Custom>;
    // JSON has no -Infinity: the first step's value is null
    thresholds?: { mode: "absolute" | "percentage"; steps: { value: number | null; color: string }[] };
  };
};
type Shown<Name extends string, Options, Custom> = Omit<
  Plain<Panel>,
  "type" | "options" | "fieldConfig"
> & { type: Name; options: Plain<Options>; fieldConfig: Fields<Custom> };

export type Checked = Omit<Plain<Dashboard>, "panels"> & {
  panels: (
    | Plain<RowPanel>
    | Shown<"stat", stat.Options, object>
    | Shown<"table", Omit<table.Options, "frameIndex">, table.FieldConfig>
    | Shown<"timeseries", timeseries.Options, timeseries.FieldConfig>
  )[];
};
