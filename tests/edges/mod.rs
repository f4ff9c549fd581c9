//! Which models prove which edge.

/// For each edge the models that fail when one of its ends is weakened, as `cargo orderings` found them.
pub(crate) const MODELS: &[(&str, &[&str])] = &[
    ("ASLEEP", &["i45_a_late_nudge_is_for_the_outcome_that_is_awaited"]),
    ("ATTENTION", &["i46_a_runner_hears_of_work"]),
    (
        "AWAY",
        &[
            "i41_chunks_that_are_put_back_are_taken",
            "i41_chunks_that_are_put_back_beside_a_cancel_are_dropped",
        ],
    ),
    ("BROKEN", &["i39_whoever_sees_the_pool_broken_sees_why"]),
    ("CALLER", &["i2_i3_i4_i7_handle_drop_beside_completion"]),
    ("CREW", &["i45_a_sleeping_consumer_hears_that_the_runners_are_dry"]),
    ("DONE", &["i26_the_outcome_comes_with_done_whatever_ended_the_wait"]),
    (
        "FUNCTION",
        &["i28_a_runner_gives_way_beside_the_consumers_end", "i28_the_consumer_goes_at_any_moment"],
    ),
    (
        "WAKER",
        &[
            "i2_i3_i4_i7_handle_drop_beside_completion",
            "i4_i7_waker_handle_drop_beside_completion",
            "i5_whoever_is_told_ready_sees_the_callback",
        ],
    ),
    ("ITEM", &["i26_i27_one_slot_is_used_again_and_again"]),
    ("LEAVE", &["i38_whoever_sees_none_left_sees_what_all_did"]),
    (
        "LEFT",
        &[
            "i10_a_stale_entry_is_freed_once_in_every_order",
            "i2_i3_i4_i7_handle_drop_beside_completion",
            "i4_i7_waker_handle_drop_beside_completion",
        ],
    ),
    (
        "LIFE",
        &[
            "i19_a_submission_beside_terminate",
            "i19_a_stale_entry_is_taken_away",
            "i30_i31_i34_submit_beside_close",
            "i37_a_bit_over_an_empty_deque_keeps_nobody_awake",
        ],
    ),
    ("PROCESS", &[]),
    ("PLACE", &["no_wake_is_lost"]),
    ("TABLE", &["no_wake_is_lost"]),
    ("LOCK", &["i19_a_submitter_beside_a_taker_woken_for_no_reason"]),
    (
        "OWNERS",
        &[
            "i26_the_outcome_comes_with_done_whatever_ended_the_wait",
            "i35_i36_the_frame_ends_after_its_task",
        ],
    ),
    (
        "PENDING",
        &[
            "i35_i36_the_frame_ends_after_its_task",
            "i35_the_frame_runs_what_nobody_else_can",
            "i35_the_frame_runs_what_nobody_has_begun",
        ],
    ),
    ("HALF", &["i47_i48_a_half_runs_once_and_the_join_ends_after_it"]),
    ("OFFER", &["i47_i48_a_half_runs_once_and_the_join_ends_after_it"]),
    ("OWNER", &["i49_an_owner_that_sleeps_is_told_of_a_part"]),
    ("WANTED", &[]),
    ("BELL", &["i54_a_ring_that_was_forgotten_shows_its_reason"]),
    ("SLOT", &[]),
    ("DRAINED_IDLE", &[]),
    ("READY", &["i29_the_stack_of_many_runners"]),
    ("NAP", &["i29_what_ends_a_nap_is_there"]),
    (
        "RESULT",
        &[
            "i2_i3_i4_i7_handle_drop_beside_completion",
            "i35_i36_the_frame_ends_after_its_task",
            "i4_i7_waker_handle_drop_beside_completion",
            "i5_whoever_is_told_ready_sees_the_callback",
        ],
    ),
    ("END", &["i61_a_look_acquires_what_a_taker_did", "i61_two_pushers_at_the_gap"]),
    ("ENTRY", &["i61_a_pusher_beside_a_taker"]),
    ("TAKEN", &["i61_i62_two_takers_beside_a_pusher"]),
    (
        "RING",
        &[
            "i26_i27_one_slot_is_used_again_and_again",
            "i27_i28_an_entry_is_refused_beside_a_consumer_that_publishes",
        ],
    ),
    (
        "SEAT",
        &[
            "i13_i14_two_wakers_beside_a_worker_that_parks_again",
            "i30_i31_i34_submit_beside_close",
            "i37_a_bit_over_an_empty_deque_keeps_nobody_awake",
        ],
    ),
    ("SIGNAL", &["i59_close_beside_a_sleeper_and_a_worker_that_parks"]),
    ("SLAB", &["i40_two_calls_of_one_slab_beside_the_end_of_their_thread"]),
    ("DEPOT", &["i40_a_slab_that_is_kept_is_taken_once"]),
    ("SLEEP", &["i16_two_jobs_come_to_run_side_by_side", "i19_a_stale_entry_is_taken_away"]),
    ("SPACE", &["i19_an_entry_holds_the_end_off"]),
    (
        "STOP",
        &[
            "i19_an_entry_is_resolved_by_terminate",
            "i39_a_runner_that_finds_its_block_closed_sees_why",
            "i39_a_runner_that_sees_stop_sees_why",
        ],
    ),
    ("SWEEP", &["i44_entries_are_taken_in_order_beside_a_sweep"]),
    ("SWEPT", &["i44_no_look_misses_an_entry_that_is_swept"]),
    ("RIGHTS", &["i21_i22_i24_two_runners_and_a_taker"]),
    ("RANGE", &["i21_a_seat_changes_hands"]),
    ("CHUNKS", &["i21_i22_i24_two_runners_and_a_taker"]),
    (
        "TALLY",
        &[
            "i57_no_observer_sees_an_end_before_its_beginning",
            "i57_no_observer_sees_an_end_before_its_beginning_on_a_shared_page",
        ],
    ),
    ("SHOWN", &["i58_what_a_worker_shows_is_all_of_one_task"]),
];
