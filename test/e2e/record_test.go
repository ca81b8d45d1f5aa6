package e2e

// This file has what the tests ask of the run's record, and do to it.

const (
	recordName  = "cutover-search-api"
	retiredName = "cutover-search-api-last"
)

// record is the run's record: facts and completed stages by their key. It is empty if there is no run.
func (w *world) record() map[string]string {
	w.t.Helper()
	guid := w.instance(recordName)
	if guid == "" {
		return nil
	}
	var run struct {
		Metadata struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	w.cf("GET", "/v3/service_instances/"+guid, nil, &run)
	return run.Metadata.Annotations
}

// completed is what the run records of a complete stage; "" where it is not complete, or there is no run.
func (w *world) completed(stage string) string {
	w.t.Helper()
	return w.record()["stage-"+stage]
}

// uncomplete removes the record that a stage is complete.
func (w *world) uncomplete(stage string) {
	w.t.Helper()
	w.cf("PATCH", "/v3/service_instances/"+w.instance(recordName), map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{"stage-" + stage: nil}},
	}, nil)
}

// removeRetired deletes the record of the retired run.
func (w *world) removeRetired() {
	w.t.Helper()
	w.removeRecord(retiredName)
}

// removeLease deletes a lease that a killed process has left, so that the next process need not wait for it.
func (w *world) removeLease() {
	w.t.Helper()
	w.removeRecord(leaseName)
}

func (w *world) removeRecord(name string) {
	w.t.Helper()
	if guid := w.instance(name); guid != "" {
		w.cf("DELETE", "/v3/service_instances/"+guid, nil, nil)
	}
}
